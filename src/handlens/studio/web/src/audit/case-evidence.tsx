// What speaks for and against a prediction: the model's probabilities, and the labelled photos most like it.

import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Case, LabelledNeighbour } from '../server/types'
import { api, nameOf } from '../state/collection'
import { sentenceOf } from '../state/messages'
import { percent } from '../text/format'
import { confidenceOf } from './queue'

/** Classes whose probability is shown, the most probable first. */
const MOST_CLASSES = 5

/** Milliseconds after which the person is taken to look at a case. */
const STAYED = 150

export function Prediction({ of }: { of: Case }): JSX.Element {
  const all = Object.entries(of.probabilities).sort((a, b) => b[1] - a[1])
  return (
    <div class="said">
      <p>
        Predicted <b dir="auto">{of.predicted}</b>, {percent(confidenceOf(of))}
        {of.contested && <small class="flag"> contested</small>}
      </p>
      {of.contested &&
        of.why
          .filter((text) => text.startsWith('contested'))
          .map((text) => (
            <p class="note" key={text}>
              {text}
            </p>
          ))}
      <table>
        <caption class="visually-hidden">Probability of each label</caption>
        <tbody>
          {all.slice(0, MOST_CLASSES).map(([name, p]) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="bar" aria-hidden="true">
                <i style={{ width: `${p * 100}%` }} />
              </td>
              <td>{percent(p)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

export function LabelledNeighbours({ of }: { of: Case }): JSX.Element {
  const [found, setFound] = useState<LabelledNeighbour[] | { error: string } | null>(null)
  useEffect(() => {
    let over = false
    // Going through the cases fast asks for photos only.
    const timer = setTimeout(() => {
      api.nearestLabelled(of.id).then(
        (near) => !over && setFound(near),
        (error: unknown) => !over && setFound({ error: sentenceOf(error) }),
      )
    }, STAYED)
    return () => {
      over = true
      clearTimeout(timer)
    }
  }, [of.id])
  return (
    <section class="alike" aria-label="Labelled photos most like it" aria-busy={found === null}>
      <h3>Labelled photos most like it</h3>
      {found !== null && 'error' in found ? (
        <p class="problem" role="alert">
          {found.error}
        </p>
      ) : (
        <ul>
          {(found ?? []).map(({ photo, label }) => (
            <li key={photo}>
              <img src={api.thumb(photo)} alt={`${nameOf(photo)}, ${label}`} />
              <small aria-hidden="true">{label}</small>
            </li>
          ))}
        </ul>
      )}
    </section>
  )
}
