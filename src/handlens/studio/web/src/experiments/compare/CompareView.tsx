// Two or more combinations, or single runs: their curves over each other, what differs in their choices, and whether
// chance could explain how they ended.

import type { JSX } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { sentenceOf } from '../../state/messages'
import { figure } from '../scale'
import type { Question, RawPivot } from '../server'
import type { Curves } from '../state/curves'
import type { Runs } from '../state/table'
import { type Cell, cellsOf, questionOf } from './answer'
import { ChoiceTable } from './ChoiceTable'
import { CurveChart, type CurveGroup, readAt } from './CurveChart'
import { Differences, Mark } from './Differences'
import { type By, byAtFirst, choiceRows, combinationsOf, type Group, groupsOf, MOST_GROUPS } from './groups'

export interface CompareProps {
  study: string
  runs: Runs
  curves: Curves
  /** runs, each of which stands for its combination when these are compared */
  selected: readonly number[]
  /** null: combinations if runs of several are selected */
  by: By | null
  /** the baseline: the number of a combination, or of a run; null: the first */
  against: number | null
  /** the column that is compared, and what it is called */
  value: string
  called: string
  /** the number whose curves are drawn, and those that could be */
  number: string
  numbers: readonly string[]
  log: boolean
  /** asks the server; `pivot` of the study */
  ask: (question: Question) => Promise<RawPivot>
  onSelect: (runs: readonly number[]) => void
  onBy: (by: By) => void
  onAgainst: (id: number) => void
  onNumber: (name: string) => void
  onLog: (log: boolean) => void
}

export function CompareView(props: CompareProps): JSX.Element {
  const { study, runs, selected, value, ask } = props
  const by = props.by ?? byAtFirst(runs, selected)
  const groups = useMemo(() => groupsOf(runs, selected, by), [runs, selected, by])
  const baseline = groups.find(({ id }) => id === props.against) ?? groups[0]
  const [latest, setLatest] = useState<Found>(NONE)
  const [failed, setFailed] = useState<string | null>(null)
  const question = by === 'combinations' && groups.length > 1 ? questionOf(study, groups, baseline!, value) : null
  // As text, so that it is asked again only if it or the runs have changed.
  const asked = question && JSON.stringify(question)
  useEffect(() => {
    let over = false
    setFailed(null)
    if (!question) return
    ask(question).then(
      (answer) => !over && setLatest({ asked, cells: cellsOf(answer), notes: answer.notes }),
      (error: unknown) => !over && setFailed(sentenceOf(error)),
    )
    return () => {
      over = true
    }
  }, [asked, runs])
  // Differences to another baseline would be read as those to this one.
  const found = latest.asked === asked ? latest : NONE
  if (groups.length < 2 || !baseline) return <TooFew n={groups.length} />
  const left = (by === 'runs' ? selected.length : combinationsOf(runs, selected).length) - groups.length
  const remove = (group: Group): void => {
    const gone = new Set(by === 'runs' ? [group.id] : group.runs)
    props.onSelect(selected.filter((id) => !gone.has(id)))
  }
  return (
    <section class="compare" aria-label="Comparison">
      <ByChoice by={by} onBy={props.onBy} />
      {left > 0 && <p class="note">Only the first {MOST_GROUPS} are compared: more could not be told apart.</p>}
      <div class="compare-parts">
        <CurvePart {...props} groups={groups} />
        <section aria-labelledby="compare-ends">
          <h2 id="compare-ends">{props.called}: difference to the baseline</h2>
          {failed !== null ? (
            <p class="problem" role="alert">
              {failed}
            </p>
          ) : (
            <Differences
              runs={runs}
              groups={groups}
              by={by}
              baseline={baseline}
              number={value}
              called={props.called}
              cells={found.cells}
              onBaseline={props.onAgainst}
              onRemove={remove}
            />
          )}
          <p class="hint">
            {by === 'combinations' &&
              'Dots: the difference of each seed. Bar: where the mean difference lies, with 95 % confidence. '}
            {by === 'combinations' &&
              groups.length > 2 &&
              'Verdicts allow for the number of comparisons: where there are several, an interval without 0 may be chance. '}
            {found.notes.join(' ')}
          </p>
        </section>
        <ChoiceTable groups={groups} rows={choiceRows(runs, groups, by)} />
      </div>
    </section>
  )
}

interface Found {
  /** the question that it answers, as text */
  asked: string | null
  cells: ReadonlyMap<number, Cell>
  notes: readonly string[]
}

const NONE: Found = { asked: null, cells: new Map(), notes: [] }

function TooFew({ n }: { n: number }): JSX.Element {
  return (
    <p class="opening" role="status">
      {n === 0 ? 'Select the runs to compare' : 'Select one more run'}, in the table of runs, in a cell of the pivot or
      with marks on parallel axes.
    </p>
  )
}

function ByChoice({ by, onBy }: { by: By; onBy: (by: By) => void }): JSX.Element {
  return (
    <div class="by" role="group" aria-label="What is compared">
      {(['combinations', 'runs'] as const).map((one) => (
        <button type="button" key={one} class="button small" aria-pressed={by === one} onClick={() => onBy(one)}>
          {one === 'runs' ? 'Single runs' : 'Combinations, by all their seeds'}
        </button>
      ))}
    </div>
  )
}

function CurvePart({
  curves,
  groups,
  number,
  numbers,
  log,
  onNumber,
  onLog,
}: CompareProps & { groups: readonly Group[] }): JSX.Element {
  const [epoch, setEpoch] = useState<number | null>(null)
  const of = curves.get(number)
  const drawn: CurveGroup[] = groups.map(({ name, letter, runs }) => ({
    name,
    letter,
    curves: runs.flatMap((id) => of?.get(id) ?? []).filter((curve) => curve.length > 0),
  }))
  const longest = Math.max(1, ...drawn.flatMap((group) => group.curves.map((curve) => curve.length)))
  return (
    <section class="compare-curves" aria-labelledby="compare-curves">
      <div class="row">
        <h2 id="compare-curves">Curves</h2>
        {numbers.length > 0 && (
          <>
            <select
              aria-label="Number of the curves"
              value={number}
              onChange={(event) => onNumber(event.currentTarget.value)}
            >
              {numbers.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
            <label>
              <input type="checkbox" checked={log} onChange={(event) => onLog(event.currentTarget.checked)} /> log scale
            </label>
          </>
        )}
      </div>
      {!of ? (
        <p class="empty" role="status">
          Loading the curves…
        </p>
      ) : drawn.every((group) => group.curves.length === 0) ? (
        <p class="empty">None of them has recorded {number} yet.</p>
      ) : (
        <>
          <CurveChart number={number} groups={drawn} log={log} epoch={epoch} onEpoch={setEpoch} />
          <ul class="curve-legend" aria-label={`${number} after epoch ${epoch ?? longest}`}>
            {drawn.map((group, i) => {
              const now = readAt(group, epoch ?? longest)
              return (
                <li key={group.name}>
                  <Mark at={i} letter={group.letter} /> {group.name} <b>{now === null ? '–' : figure(now)}</b>
                </li>
              )
            })}
          </ul>
        </>
      )}
    </section>
  )
}
