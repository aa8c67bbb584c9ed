// The accuracy report split by columns of an attached CSV, to find the groups that the model fails.

import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Dialog } from '../components/dialogs/Dialog'
import type { Attributes, Group, Split } from '../server/types'
import { api } from '../state/collection'
import { attachCsv, detachCsv } from '../state/columns'
import { sentenceOf } from '../state/messages'
import { report, reportIsOld } from '../state/model'
import { number, percent, photos as photosText, plural } from '../text/format'

const MOST = 3 // columns that can be combined

export function SplitReport(): JSX.Element {
  const [given, setGiven] = useState<Attributes | null | undefined>(undefined)
  const [error, setError] = useState<string | null>(null)
  const [busy, setBusy] = useState(false)
  const [chosen, setChosen] = useState<string[]>([])
  const input = useRef<HTMLInputElement>(null)

  const run = async (work: () => Promise<Attributes | null>): Promise<void> => {
    setBusy(true)
    try {
      const found = await work()
      setGiven(found)
      setError(null)
      const first = found?.columns[0]
      setChosen(first === undefined ? [] : [first])
    } catch (failure) {
      setError(sentenceOf(failure))
      setGiven((before) => before ?? null)
    } finally {
      setBusy(false)
    }
  }
  useEffect(() => void run(api.attributes), [])

  return (
    <Dialog title="Split the report" class="wide split-dialog">
      {given === undefined ? (
        <p class="hint" role="status">
          Loading…
        </p>
      ) : (
        <>
          {given === null && (
            <p>
              Does the model do as well for every camera, site or skin tone? Attach a CSV that says which photo is
              which: one column names the photos, by path or file name; the others are what to split by.
            </p>
          )}
          {given && <Matched given={given} />}
          <div class="row">
            <input
              ref={input}
              type="file"
              accept=".csv,.tsv,.txt,text/csv"
              hidden
              aria-label="CSV file"
              onChange={(event) => {
                const file = event.currentTarget.files?.[0]
                event.currentTarget.value = '' // so that the same file can be chosen again
                if (file) void run(() => attachCsv(file))
              }}
            />
            <button
              type="button"
              class={`button ${given ? '' : 'filled'}`}
              aria-busy={busy}
              onClick={() => input.current?.click()}
            >
              {busy ? 'Reading…' : given ? 'Attach another CSV…' : 'Attach a CSV…'}
            </button>
            {given && (
              <button type="button" class="button" onClick={() => void run(detachCsv)}>
                Remove it
              </button>
            )}
          </div>
          {error !== null && (
            <p class="problem" role="alert">
              {error}
            </p>
          )}
          {given && <Choose columns={given.columns} chosen={chosen} choose={setChosen} />}
          {given && chosen.length > 0 && <Result by={chosen} given={given} />}
        </>
      )}
    </Dialog>
  )
}

function Matched({ given }: { given: Attributes }): JSX.Element {
  return (
    <div class="matched">
      <p>
        <b>{given.name}</b>: {photosText(given.matched)} {given.matched === 1 ? 'has' : 'have'} a row, found by “
        {given.column}”. {given.unmatched > 0 && `${plural(given.unmatched, 'row')} could not be used. `}
        {given.without > 0 && `${photosText(given.without)} ${given.without === 1 ? 'has' : 'have'} no row.`}
      </p>
      {given.unmatched > 0 && (
        <details>
          <summary>Rows that could not be used</summary>
          <ul>
            {given.unmatched_lines.map(({ line, value, reason }) => (
              <li key={line}>
                Line {number(line)}: {value && <b>{value}</b>} {reason}
              </li>
            ))}
            {given.unmatched > given.unmatched_lines.length && <li>and more</li>}
          </ul>
        </details>
      )}
      {given.without > 0 && (
        <details>
          <summary>Photos without a row</summary>
          <ul>
            {given.without_paths.map((path) => (
              <li key={path}>{path}</li>
            ))}
            {given.without > given.without_paths.length && <li>and more</li>}
          </ul>
        </details>
      )}
    </div>
  )
}

interface ChooseProps {
  columns: string[]
  chosen: string[]
  choose: (columns: string[]) => void
}

function Choose({ columns, chosen, choose }: ChooseProps): JSX.Element {
  return (
    <fieldset class="split-by">
      <legend>Split by</legend>
      {columns.map((column) => {
        const on = chosen.includes(column)
        return (
          <label key={column}>
            <input
              type="checkbox"
              checked={on}
              disabled={!on && chosen.length >= MOST}
              onChange={() => choose(on ? chosen.filter((c) => c !== column) : [...chosen, column])}
            />{' '}
            {column}
          </label>
        )
      })}
    </fieldset>
  )
}

function Result({ by, given }: { by: string[]; given: Attributes }): JSX.Element {
  const [found, setFound] = useState<Split | { error: string } | null>(null)
  const made = report.value
  useEffect(() => {
    let over = false
    setFound(null)
    if (!made) return
    api.subgroups(by).then(
      (split) => !over && setFound(split),
      (failure: unknown) => !over && setFound({ error: sentenceOf(failure) }),
    )
    return () => {
      over = true
    }
  }, [by.join('\0'), given, made])

  if (!made) return <p class="note">There is no model yet: label some photos of two kinds, then train.</p>
  if (!found) {
    return (
      <p class="hint" role="status">
        Counting…
      </p>
    )
  }
  if ('error' in found) {
    return (
      <p class="problem" role="alert">
        {found.error}
      </p>
    )
  }
  const anySmall = found.groups.some((g) => g.small)
  return (
    <div class="split">
      {reportIsOld.value && (
        <p class="note">Labels have changed since the model was trained: train again to use them.</p>
      )}
      <ul class="findings" aria-label="Findings">
        {found.sentences.map((text) => (
          <li key={text}>{headed(text)}.</li>
        ))}
      </ul>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <div class="table-scroll tall" tabIndex={0} role="region" aria-label="Right by group">
        <table class="groups">
          <thead>
            <tr>
              <th scope="col">Group</th>
              <th scope="col">Photos</th>
              <th scope="col">Right</th>
              <th scope="col" class="scale">
                <span class="visually-hidden">95 % interval</span>
                <span aria-hidden="true">0 %</span>
                <span aria-hidden="true">50 %</span>
                <span aria-hidden="true">100 %</span>
              </th>
            </tr>
          </thead>
          {levelsOf(found.groups).map(({ by: level, groups }) => (
            <tbody key={level}>
              {level !== 'overall' && (
                <tr class="level">
                  <th scope="rowgroup" colSpan={4}>
                    {level}
                  </th>
                </tr>
              )}
              {groups.map((group) => (
                <Row key={group.group} of={group} />
              ))}
            </tbody>
          ))}
        </table>
      </div>
      <p class="hint">
        Each photo was predicted by a model that had not seen it. Dots are shares, bars 95 % intervals. Until enough
        random photos are checked, these are photos that you labelled: the accuracy is optimistic, so compare groups
        with each other.
        {anySmall &&
          ` Groups of fewer than ${found.small} photos are small: their intervals say how little that tells.`}
      </p>
    </div>
  )
}

function Row({ of }: { of: Group }): JSX.Element {
  const { value, low, high } = of
  return (
    <tr class={of.worst ? 'worst' : ''}>
      <th scope="row">
        {of.by === 'overall' ? 'All' : of.group} {of.worst && <small class="flag">worst</small>}{' '}
        {of.small && <small class="thin">small</small>}
      </th>
      <td>{number(of.n)}</td>
      <td>{value === null ? '–' : percent(value)}</td>
      <td class="scale">
        {value === null || low === null || high === null ? (
          <span class="hint">{of.undefined}</span>
        ) : (
          <div class="interval">
            <i style={{ left: `${low * 100}%`, width: `${(high - low) * 100}%` }} />
            <b style={{ left: `${value * 100}%` }} />
            <span class="visually-hidden">
              between {percent(low)} and {percent(high)}
            </span>
          </div>
        )}
      </td>
    </tr>
  )
}

function levelsOf(groups: Group[]): { by: string; groups: Group[] }[] {
  const levels = new Map<string, Group[]>()
  for (const group of groups) levels.set(group.by, [...(levels.get(group.by) ?? []), group])
  return [...levels].map(([by, of]) => ({ by, groups: of }))
}

const headed = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
