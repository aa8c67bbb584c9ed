// What a model looked at: a heat map over a photo, for any of its labels.

import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { HeatMap } from '../server/types'
import { api, nameOf } from '../state/collection'
import { sentenceOf } from '../state/messages'
import { predictions } from '../state/model'
import { owned } from '../state/owned'
import { fetched, wantPhotos } from '../state/prefetch'

/** Whether heat maps are shown; it stays on while the person looks through several photos. */
const [shown, setShown] = owned(false)

const NONE: readonly number[] = []

type Found = { map: HeatMap; url: string | null } | { error: string }

/**
 * A photo, and over it the heat map of a label if the person asks for one. The photo is small until the large one is
 * there; those that come `next` are fetched after it.
 */
export function LookedAt({ id, next = NONE }: { id: number; next?: readonly number[] }): JSX.Element {
  useEffect(() => wantPhotos([id, ...next]), [id, next.join()])
  const has = fetched.value.get(id)
  const said = predictions.value
  const predicted = said?.names[said.codes[id] ?? -1]
  const [chosen, setChosen] = useState<string | null>(null)
  const [found, setFound] = useState<Found | null>(null)
  const label = chosen !== null && said?.names.includes(chosen) ? chosen : (predicted ?? said?.names[0])
  const wanted = shown.value && said && label !== undefined
  const version = said?.version

  useEffect(() => {
    setFound(null)
    if (!wanted) return
    let [url, over]: [string | null, boolean] = [null, false]
    api.heatMap(id, label, version!).then(
      (map) => {
        if (over) return
        url = map.png === null ? null : URL.createObjectURL(pngOf(map.png))
        setFound({ map, url })
      },
      (error: unknown) => {
        if (!over) setFound({ error: sentenceOf(error) })
      },
    )
    return () => {
      over = true
      if (url) URL.revokeObjectURL(url)
    }
  }, [id, label, version, wanted])

  const map = found && 'map' in found ? found : null
  return (
    <>
      <div class="looked-at">
        <img key={id} class="whole" src={has === 'picture' ? api.picture(id) : api.thumb(id)} alt={nameOf(id)} />
        {wanted && map?.url && <img class="heat" src={map.url} alt={`Places that speak for ${map.map.label}`} />}
      </div>
      {has === 'broken' && <p class="hint">The file cannot be read now. This is the small copy that Studio keeps.</p>}
      {said && (
        <div class="looking" role="group" aria-label="What it looked at">
          <label>
            <input type="checkbox" checked={shown.value} onChange={() => setShown(!shown.value)} /> What it looked at
          </label>
          {shown.value && (
            <label>
              for{' '}
              <select aria-label="For which label" value={label} onChange={(e) => setChosen(e.currentTarget.value)}>
                {said.names.map((name) => (
                  <option key={name} value={name}>
                    {name === predicted ? `${name} (predicted)` : name}
                  </option>
                ))}
              </select>
            </label>
          )}
          {wanted && (
            <span class="hint" role="status">
              {status(found)}
            </span>
          )}
        </div>
      )}
    </>
  )
}

function status(found: Found | null): string {
  if (!found) return 'Looking…'
  if ('error' in found) return found.error
  if (!found.url) return `Nothing in this photo speaks for ${found.map.label}.`
  return `Bright places speak for ${found.map.label}.`
}

const pngOf = (base64: string): Blob =>
  new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], { type: 'image/png' })
