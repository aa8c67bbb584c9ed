// The light table: a mini-map for every layer and projection, coloured by label, the current one
// framed, each with how well it separates the labels. All of them are visible at once: columns are
// the stages of each source, first to last; a projection has two rows, for *what* and for *where*.

import { computed, effect, signal } from '@preact/signals'
import type { JSX, TargetedKeyboardEvent } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import type { Rgb } from '../colour/contrast'
import { rgbOf } from '../colour/palette'
import { miniMapPixels } from '../map/mini-map'
import type { Layer } from '../server/types'
import { drawnLabels } from '../state/answering'
import { collection, layers, projections, titleOf } from '../state/collection'
import { goTo, keyOf, type MapSample, miniIds, miniMaps, SLOW, working } from '../state/maps'
import { owned } from '../state/owned'
import { isNarrow, setSheet } from '../state/screen'
import { scores } from '../state/separation'
import { type Theme, theme } from '../state/theme'
import { currentLayer, layer, passing, projection, setTable, table } from '../state/view'
import { headed, percent } from '../text/format'
import { IconButton } from './Button'
import { type Column, columnsOf, stepIn } from './light-table-columns'

export function LightTable(): JSX.Element {
  const scroller = useRef<HTMLDivElement>(null)
  useEffect(() => {
    scroller.current?.querySelector('[aria-current="true"]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }, [layer.value, projection.value])

  const columns = columnsOf(layers.value)
  const sources = bySource(columns)
  const best = bestOf()
  const tab = tabStop(columns)
  return (
    <section class={`panel light-table ${table.value}`} aria-label="Light table">
      <header>
        <h2>Light table</h2>
        {!isNarrow.value && (
          <>
            <IconButton
              icon="wide"
              name={table.value === 'wide' ? 'Narrow the light table' : 'Widen the light table'}
              on={table.value === 'wide'}
              onClick={() => setTable(table.value === 'wide' ? 'shown' : 'wide')}
            />
            <IconButton icon="left" name="Hide the light table" onClick={() => setTable('hidden')} />
          </>
        )}
      </header>
      {layers.value.length === 0 ? (
        <p class="empty">Its maps appear here as soon as the first photos are prepared.</p>
      ) : (
        <div class="table-scroll" ref={scroller}>
          {/* One stop for Tab; arrow keys move within. */}
          <table
            style={{ '--stages': String(columns.length) }}
            // biome-ignore lint/a11y/noNoninteractiveElementToInteractiveRole: ARIA has grids made of tables
            role="grid"
            aria-label="Maps"
            onKeyDown={onKey}
          >
            <thead>
              <tr>
                <td />
                {sources.map(({ source, stages }) => (
                  <th key={source} scope="colgroup" colSpan={stages} class="source" title={sourceTitle(source)}>
                    <span>{sourceTitle(source)}</span>
                  </th>
                ))}
              </tr>
              <tr>
                <td />
                {columns.map((column) => (
                  <th
                    key={column.key}
                    scope="col"
                    class={Object.values(column.at).some((l) => l === currentLayer.value) ? 'current' : ''}
                    title={column.stage}
                  >
                    {columns.length > NAMED ? column.number : column.stage}
                  </th>
                ))}
              </tr>
            </thead>
            {projections.value.map((p) => (
              <tbody key={p.id}>
                <tr>
                  <th
                    scope="rowgroup"
                    colSpan={columns.length + 1}
                    class={`group ${p.id === projection.value ? 'current' : ''}`}
                  >
                    {p.title}
                  </th>
                </tr>
                {POOLINGS.map((pooling) => (
                  <tr key={pooling}>
                    <th
                      scope="row"
                      class={p.id === projection.value && currentLayer.value?.pooling === pooling ? 'current' : ''}
                    >
                      {pooling}
                    </th>
                    {columns.map(({ key, at }) => {
                      const of = at[pooling]
                      if (!of) return <td key={key} />
                      const id = keyOf(of.id, p.id)
                      return <Cell key={key} of={of} p={p.id} pTitle={p.title} best={best === id} isStop={tab === id} />
                    })}
                  </tr>
                ))}
              </tbody>
            ))}
          </table>
        </div>
      )}
      {layers.value.length > 0 && (
        <p class="legend">
          {!scores.value
            ? 'With two labels or more, each map says how well it tells them apart.'
            : bestOf()
              ? 'Numbers: in how many of 100 labelled photos the label can be told from their neighbours on that map, not counting photos that were labelled together.'
              : 'Photos that were labelled together lie together on any map. Label a second group for each label: then each map says how well it tells them apart.'}
        </p>
      )}
    </section>
  )
}

/** Arrow keys, Home and End move the focus from map to map; Enter or Space goes there. */
function onKey(event: TargetedKeyboardEvent<HTMLTableElement>): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const rows = [...event.currentTarget.querySelectorAll('tbody tr')].map((row) => [...row.querySelectorAll('td')])
  const buttons = rows.filter((row) => row.length > 0).map((row) => row.map((cell) => cell.querySelector('button')))
  const row = buttons.findIndex((cells) => cells.includes(event.target as HTMLButtonElement))
  if (row < 0) return
  const column = buttons[row]!.indexOf(event.target as HTMLButtonElement)
  const to = stepIn(
    buttons.map((cells) => cells.map((button) => button !== null)),
    [row, column],
    event.key,
  )
  if (to === null && !event.key.startsWith('Arrow')) return
  event.preventDefault()
  event.stopPropagation()
  if (to) buttons[to[0]]![to[1]]!.focus()
}

/** The map that had the focus last, which Tab comes back to; the current one before any had it. */
const stop = signal<string | null>(null)

/** The one cell that Tab goes to. */
function tabStop(columns: Column[]): string {
  const exists = (key: string): boolean =>
    projections.value.some((p) => layers.value.some((l) => keyOf(l.id, p.id) === key))
  const wanted = stop.value ?? keyOf(layer.value, projection.value)
  if (exists(wanted)) return wanted
  const first = columns[0]?.at.what ?? columns[0]?.at.where
  return keyOf(first?.id ?? '', projections.value[0]?.id ?? '')
}

/** With more columns than this, a column is too narrow for the name of its stage and shows its number. */
const NAMED = 5
const POOLINGS = ['what', 'where'] as const

function bySource(columns: Column[]): { source: string; stages: number }[] {
  const groups: { source: string; stages: number }[] = []
  for (const { source } of columns) {
    const last = groups.at(-1)
    if (last?.source === source) last.stages++
    else groups.push({ source, stages: 1 })
  }
  return groups
}

const sourceTitle = (name: string): string =>
  headed(collection.value?.sources.find((s) => s.name === name)?.title ?? name)

function bestOf(): string | null {
  let best: string | null = null
  let top = -1
  for (const [l, row] of Object.entries(scores.value?.maps ?? {})) {
    for (const [p, score] of Object.entries(row)) {
      if (score !== null && score > top) [best, top] = [keyOf(l, p), score]
    }
  }
  return best
}

interface CellProps {
  of: Layer
  p: string
  pTitle: string
  best: boolean
  isStop: boolean
}

function Cell({ of, p, pTitle, best, isStop }: CellProps): JSX.Element {
  const key = keyOf(of.id, p)
  const mini = miniMaps.value.get(key)
  const current = of.id === layer.value && p === projection.value
  const score = scores.value?.maps[of.id]?.[p] ?? null
  const share = working.value.get(key)?.share
  const waits = p === SLOW && mini === undefined && share === undefined
  return (
    <td>
      <button
        type="button"
        class={`cell ${best ? 'best' : ''}`}
        tabIndex={isStop ? 0 : -1}
        onFocus={() => (stop.value = key)}
        aria-current={current ? 'true' : undefined}
        aria-label={`${titleOf(of)}, ${pTitle}${waits ? ', open' : ''}${score === null ? '' : `, separates ${percent(score)}`}`}
        data-tip={`${titleOf(of)} · ${pTitle}${waits ? ' · arranged when you go there' : ''}`}
        onClick={() => {
          goTo(of.id, p)
          if (isNarrow.value) setSheet('map')
        }}
      >
        {mini && mini !== 'failed' ? (
          <MiniMap mini={mini} />
        ) : (
          <span class="no-map">
            {share !== undefined ? percent(share) : mini === 'failed' ? '–' : waits ? 'open' : ''}
          </span>
        )}
        <span class="score">{score === null ? '' : Math.round(score * 100)}</span>
      </button>
    </td>
  )
}

/** The photos that pass the filter, a moment later: the large map is drawn before the many small ones. */
const [drawnPassing, setDrawnPassing] = owned(passing.peek())
effect(() => {
  const now = passing.value
  const later = setTimeout(() => setDrawnPassing(now), 150)
  return () => clearTimeout(later)
})

const SIDE = 112 // canvas pixels; shown smaller
/** How photos without a label look. */
const DOTS: Record<Theme, { dots: Rgb; opacity: number }> = {
  dark: { dots: [200, 206, 214], opacity: 0.45 },
  light: { dots: [60, 66, 74], opacity: 0.5 },
}

/** By photo of the small maps the colour of its label, -1 without one and -2 where it is not drawn; the same until one differs. */
let before: ReadonlyMap<number, number> = new Map()
const drawnColours = computed(() => {
  const { codes, names } = drawnLabels.value
  const among = drawnPassing.value
  const colour = (id: number): number => (among && !among[id] ? -2 : (names[codes[id] ?? -1]?.colour ?? -1))
  const ids = miniIds.value
  if (ids.length !== before.size || ids.some((id) => before.get(id) !== colour(id))) {
    before = new Map(Array.from(ids, (id) => [id, colour(id)]))
  }
  return before
})

function MiniMap({ mini }: { mini: MapSample }): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null)
  const drawn = drawnColours.value
  const on = theme.value
  useEffect(() => {
    const colours: Rgb[] = []
    const labelled = (id: number): Rgb | null | undefined => {
      const colour = drawn.get(id) ?? -2
      if (colour < 0) return colour === -2 ? undefined : null
      colours[colour] ??= rgbOf(colour, on)
      return colours[colour]
    }
    const pixels = miniMapPixels(mini, labelled, { side: SIDE, ...DOTS[on] })
    canvas
      .current!.getContext('2d', { willReadFrequently: true })
      ?.putImageData(new ImageData(pixels, SIDE, SIDE), 0, 0)
  }, [mini, drawn, on])
  // biome-ignore lint/a11y/noAriaHiddenOnFocusable: a canvas without tabIndex takes no focus; the button around it is named
  return <canvas ref={canvas} width={SIDE} height={SIDE} aria-hidden="true" />
}
