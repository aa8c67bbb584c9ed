// Each group beside the baseline: its mean, the difference of each seed, the interval of the mean difference and what
// it says.

import type { JSX } from 'preact'
import { colourOf, inkOn } from '../../colour/palette'
import { IconButton } from '../../components/Button'
import { theme } from '../../state/theme'
import { plural } from '../../text/format'
import { figure, placeOf, type Scale, scaleOf, signed } from '../scale'
import type { Runs } from '../state/table'
import { valueIn } from '../state/table'
import type { Cell } from './answer'
import { type By, type Group, type Pair, pairsOf } from './groups'

interface DifferencesProps {
  runs: Runs
  groups: readonly Group[]
  by: By
  baseline: Group
  /** the column that is compared, and what it is called */
  number: string
  called: string
  /** by the number of the group; missing while the server is asked, and for single runs */
  cells: ReadonlyMap<number, Cell>
  onBaseline: (id: number) => void
  onRemove: (group: Group) => void
}

export function Differences(props: DifferencesProps): JSX.Element {
  const { runs, groups, by, baseline, number, cells, onBaseline, onRemove } = props
  const pairs = new Map(groups.map((group) => [group.id, pairsOf(runs, group, baseline, number)]))
  const others = groups.filter((group) => group !== baseline)
  const scale = scaleOf([
    0,
    ...others.flatMap((group) => {
      const { low, high } = cells.get(group.id) ?? { low: null, high: null }
      return [...pairs.get(group.id)!.map((pair) => pair.difference), low ?? 0, high ?? 0]
    }),
  ])
  return (
    <ul class="differences" aria-label={`${props.called} of each`}>
      {groups.map((group, i) => (
        <li key={group.id} class={group === baseline ? 'baseline' : ''}>
          <div class="who">
            <Mark at={i} letter={group.letter} />
            <b>{group.name}</b>
            <span>{meanText(runs, group, by, number, cells.get(group.id))}</span>
            <span class="grow" />
            <label>
              <input
                type="radio"
                name="baseline"
                checked={group === baseline}
                onChange={() => onBaseline(group.id)}
                aria-label={`${group.name} is the baseline`}
              />{' '}
              baseline
            </label>
            <IconButton icon="close" name={`Leave out ${group.name}`} class="small" onClick={() => onRemove(group)} />
          </div>
          {group !== baseline && (
            <Difference
              name={group.name}
              pairs={by === 'runs' ? [] : pairs.get(group.id)!}
              cell={by === 'runs' ? undefined : cells.get(group.id)}
              alone={by === 'runs' ? (pairOf(runs, group, baseline, number) ?? null) : null}
              scale={scale}
            />
          )}
        </li>
      ))}
    </ul>
  )
}

/** The letter of a group on its colour. */
export function Mark({ at, letter }: { at: number; letter: string }): JSX.Element {
  return (
    <i
      class="swatch"
      data-text={letter}
      aria-hidden="true"
      style={{ background: colourOf(at, theme.value), color: inkOn(at, theme.value) }}
    />
  )
}

/** The difference between two single runs; null if one has no number. */
function pairOf(runs: Runs, group: Group, baseline: Group, number: string): number | null {
  const [own, other] = [group, baseline].map(({ id }) => valueIn(runs, number, id))
  return typeof own === 'number' && typeof other === 'number' ? own - other : null
}

function meanText(runs: Runs, group: Group, by: By, number: string, cell: Cell | undefined): string {
  if (by === 'runs') {
    const value = valueIn(runs, number, group.id)
    return typeof value === 'number' ? figure(value) : `no result: ${valueIn(runs, 'status', group.id)}`
  }
  if (!cell) return plural(group.runs.length, 'run')
  const missing = cell.missing > 0 ? `, ${cell.missing} missing (${cell.whyMissing})` : ''
  if (cell.mean === null) return `no result yet${missing}`
  return `mean ${figure(cell.mean)} of ${plural(cell.count, 'run')}${missing}`
}

interface DifferenceProps {
  name: string
  pairs: readonly Pair[]
  cell: Cell | undefined
  /** of a single run; null where there is none */
  alone: number | null
  scale: Scale
}

function Difference({ name, pairs, cell, alone, scale }: DifferenceProps): JSX.Element {
  const at = (value: number): string => `${placeOf(scale, value) * 100}%`
  const hasInterval = cell && cell.low !== null && cell.high !== null
  return (
    <div class="difference">
      <div class="difference-scale" aria-hidden="true">
        <i class="zero" style={{ left: at(0) }} />
        {hasInterval && (
          <i
            class="span"
            style={{ left: at(cell.low!), width: `${(placeOf(scale, cell.high!) - placeOf(scale, cell.low!)) * 100}%` }}
          />
        )}
        {pairs.map((pair) => (
          <i
            key={`${pair.seed} ${pair.split}`}
            class="seed"
            data-tip={`seed ${pair.seed}: ${signed(pair.difference)}`}
            style={{ left: at(pair.difference) }}
          />
        ))}
        {cell?.difference != null && <b style={{ left: at(cell.difference) }} />}
        {alone !== null && <b style={{ left: at(alone) }} />}
      </div>
      <p>{sentence(cell, alone)}</p>
      {pairs.length > 0 && (
        <ul class="visually-hidden" aria-label={`${name}, difference by seed`}>
          {pairs.map((pair) => (
            <li key={`${pair.seed} ${pair.split}`}>
              seed {pair.seed}: {signed(pair.difference)}
            </li>
          ))}
        </ul>
      )}
    </div>
  )
}

/** "−0.012 (95 % interval −0.020 to −0.004): better" */
function sentence(cell: Cell | undefined, alone: number | null): JSX.Element {
  if (alone !== null) return <>{signed(alone)}: two single runs, whose seeds alone may explain it</>
  if (!cell) return <span class="hint">Comparing…</span>
  if (cell.difference === null) return <>No two runs can be compared: {cell.verdict}</>
  const interval =
    cell.low !== null && cell.high !== null ? ` (95 % interval ${signed(cell.low)} to ${signed(cell.high)})` : ''
  return (
    <>
      {signed(cell.difference)}
      {interval}: <b class={`verdict ${cell.verdict.split(' ')[0]}`}>{cell.verdict}</b>
    </>
  )
}
