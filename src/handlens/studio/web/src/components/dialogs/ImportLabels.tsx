// Importing labels: a file or folder is chosen, then the page shows what importing it would do, and does it.

import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { Crops, ImportPlan } from '../../server/types'
import { fromInput } from '../../server/uploads'
import { nameOf } from '../../state/collection'
import {
  changed,
  choose,
  chooseFormat,
  chooseValue,
  cropping,
  crops,
  format,
  formats,
  from,
  importing,
  importShown,
  leave,
  loadFormats,
  look,
  makeCrops,
  offered,
  plan,
  problem,
  reading,
  reset,
  setWay,
  sourceName,
  way,
} from '../../state/importing'
import { lookAlike } from '../../state/label-names'
import { labels } from '../../state/labels'
import { truth } from '../../state/truth'
import { number, photos, plural } from '../../text/format'
import {
  actionText,
  choiceName,
  countRows,
  importedCount,
  named,
  nothingText,
  reasonCount,
  reasons,
} from '../../text/importing'
import { isOver } from '../DropLabels'
import { Icon } from '../icons'
import { Dialog } from './Dialog'

export function ImportLabels(): JSX.Element {
  const { version } = labels.value
  useEffect(() => {
    void loadFormats().catch(() => undefined)
    return leave
  }, [])
  useEffect(() => {
    // Labels may change while the dialog is open: by undo in another tab, or in Python.
    if (plan.peek() && !importing.peek()) void look('Labels have changed in the meantime, so this was counted again.')
  }, [version])
  return (
    <Dialog title="Import labels" class="wide import-dialog">
      {from.value === null ? <Choose /> : <Chosen />}
    </Dialog>
  )
}

function Choose(): JSX.Element {
  const field = useRef<HTMLInputElement>(null)
  return (
    <>
      <p>
        Labels that you have already, in a file or as folders. You see first what importing them would do; nothing
        changes until you say so.
      </p>
      <div class={`drop ${isOver.value ? 'over' : ''}`}>
        <p>Drop a file, a folder or a zip here</p>
        <p class="actions">
          <Pick text="Choose a file" />
          <Pick text="Choose a folder" folder />
        </p>
        <small>It is copied to Studio on this machine, and nowhere else.</small>
      </div>
      <form
        class="import-path"
        onSubmit={(event) => {
          event.preventDefault()
          const path = field.current!.value.trim()
          if (path) choose({ path })
        }}
      >
        <label for="import-path">Or a file or folder on the machine that runs Studio, which is not copied</label>
        <input
          id="import-path"
          ref={field}
          type="text"
          autocomplete="off"
          spellcheck={false}
          maxLength={4096}
          placeholder="/home/me/labels.csv"
          required
        />
        <button type="submit" class="button">
          Read
        </button>
      </form>
      {formats.value.length > 0 && (
        <p class="hint">
          Formats: {formats.value.map(({ title }) => title).join(', ')}; a folder of them as a zip, too.
        </p>
      )}
    </>
  )
}

function Pick({ text, folder }: { text: string; folder?: boolean }): JSX.Element {
  return (
    <label class="button file">
      {text}
      <input
        type="file"
        class="visually-hidden"
        multiple
        // This attribute makes the browser ask for a folder.
        {...(folder ? { webkitdirectory: true } : {})}
        onChange={(event) => choose({ files: fromInput(event.currentTarget) })}
      />
    </label>
  )
}

function Chosen(): JSX.Element {
  const found = plan.value
  const waits = reading.value
  const head = useRef<HTMLParagraphElement>(null)
  // The button that was pressed is gone: the keyboard goes on where the answer appears.
  useLayoutEffect(() => head.current?.focus(), [])
  return (
    <>
      <p class="import-source" ref={head} tabIndex={-1}>
        <b>{sourceName(from.value!)}</b>
        <button type="button" class="button small" onClick={reset}>
          Other file…
        </button>
      </p>
      <Choices />
      <div class="import-plan" aria-live="polite" aria-busy={waits !== null}>
        {waits && (
          <p class="hint">
            {waits.text}
            {waits.total > 1 ? ` ${number(waits.done)} of ${number(waits.total)} files` : ''}…
            {waits.total > 1 && <progress aria-label={waits.text} value={waits.done} max={waits.total} />}
          </p>
        )}
        {problem.value !== null && (
          <p class="problem" role="alert">
            {problem.value}
          </p>
        )}
        {changed.value !== null && <p class="note">{changed.value}</p>}
        {found && <Counts of={found} />}
      </div>
      {found && <What of={found} />}
      {found && <Boxes of={found} />}
      <div class="actions">
        {problem.value !== null && (
          <button type="button" class="button" onClick={() => void look()}>
            Try again
          </button>
        )}
        {found && <Import of={found} />}
      </div>
    </>
  )
}

/** Encodings that are offered where a text could not be read, so that its columns are not known yet. */
const ENCODINGS = ['utf-8', 'utf-16', 'cp1252', 'shift_jis', 'gb18030']

/** What was chosen, by the page or by the person; each can be changed. */
function Choices(): JSX.Element {
  const isEncoding = Object.keys(offered.value).length === 0 && /encoding/i.test(problem.value ?? '')
  const all = isEncoding ? { encoding: ENCODINGS } : offered.value
  const recognised = plan.value && !format.value ? `recognised: ${plan.value.format}` : 'recognise it'
  return (
    <div class="import-choices">
      <label>
        Format
        <select value={format.value} onChange={(event) => chooseFormat(event.currentTarget.value)}>
          <option value="">{recognised}</option>
          {formats.value.map(({ name, title }) => (
            <option key={name} value={name}>
              {title}
            </option>
          ))}
        </select>
      </label>
      {Object.entries(all).map(([key, values]) => (
        <label key={key}>
          {choiceName(key)}
          <select
            value={isEncoding ? '' : values[0]}
            onChange={(event) => chooseValue(key, event.currentTarget.value)}
            dir="auto"
          >
            {isEncoding && <option value="">choose…</option>}
            {[...values].sort().map((value) => (
              <option key={value} value={value}>
                {value}
              </option>
            ))}
          </select>
        </label>
      ))}
    </div>
  )
}

function Counts({ of }: { of: ImportPlan }): JSX.Element {
  const how = way.value
  const all = reasons(of, how, nameOf)
  const total = reasonCount(of, how)
  return (
    <>
      <table class="import-counts">
        <caption class="visually-hidden">What importing would do</caption>
        <tbody>
          {countRows(of, how).map(({ n, text }) => (
            <tr key={text}>
              <td>{number(n)}</td>
              <th scope="row">{text}</th>
            </tr>
          ))}
        </tbody>
      </table>
      <NewLabels of={of} />
      {all.length > 0 && (
        <details open={of.counts.conflicting + of.counts.unmatched > 0}>
          <summary>{all.length < total ? `Reasons: the first of ${number(total)} places` : 'Reasons'}</summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by keyboard */}
          <div class="table-scroll import-reasons" tabIndex={0} role="region" aria-label="Reasons">
            <table class="list">
              <thead>
                <tr>
                  <th scope="col">Place</th>
                  <th scope="col">Photo</th>
                  <th scope="col">Label</th>
                  <th scope="col">Reason</th>
                </tr>
              </thead>
              <tbody>
                {all.map(({ where, photo, label, reason }, i) => (
                  <tr key={i}>
                    <td>{where}</td>
                    <td dir="auto">{photo}</td>
                    <td dir="auto">{label}</td>
                    <td>{reason}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        </details>
      )}
    </>
  )
}

function NewLabels({ of }: { of: ImportPlan }): JSX.Element | null {
  const alike = of.new_labels
    .map((name) => ({ name, other: lookAlike(labels.value.names, name)?.name }))
    .filter(({ name, other }) => other !== undefined && other !== name)
  if (of.new_labels_count === 0 || way.value.asTruth) return null
  const counts = new Map(of.labels.map(({ label, count }) => [label, count]))
  const shown = of.new_labels.map((name) => (counts.has(name) ? `${name} (${number(counts.get(name)!)})` : name))
  return (
    <>
      <p class="import-new">
        {plural(of.new_labels_count, 'label')} would be new: <span dir="auto">{named(shown, of.new_labels_count)}</span>
      </p>
      {alike.slice(0, 3).map(({ name, other }) => (
        <p class="note" key={name}>
          “{name}” differs from your label “{other}” only by capital letters, spaces or the form of its characters; both
          are kept. Merge them afterwards if they mean the same.
        </p>
      ))}
    </>
  )
}

function What({ of }: { of: ImportPlan }): JSX.Element {
  const { replace, asTruth } = way.value
  const { changes } = of.counts
  const aside = truth.value
  return (
    <fieldset class="import-way">
      <legend>What to do with them</legend>
      <label class="tick">
        <input type="radio" name="way" checked={!asTruth} onChange={() => setWay({ replace, asTruth: false })} />
        Label the photos; one undo takes it back
      </label>
      {!asTruth && changes > 0 && (
        <label class="tick indented">
          <input
            type="checkbox"
            checked={replace}
            onChange={(event) => setWay({ replace: event.currentTarget.checked, asTruth })}
          />
          Replace the labels of the {photos(changes)} that {changes === 1 ? 'has' : 'have'} another one
        </label>
      )}
      <label class="tick">
        <input type="radio" name="way" checked={asTruth} onChange={() => setWay({ replace, asTruth: true })} />
        Keep them aside as truth: no photo gets a label, and the model is measured on them
      </label>
      {asTruth && aside && (
        <p class="note">
          They take the place of the {plural(aside.labels, 'label')} from {aside.name} that{' '}
          {aside.labels === 1 ? 'is' : 'are'} kept aside now.
        </p>
      )}
    </fieldset>
  )
}

function Boxes({ of }: { of: ImportPlan }): JSX.Element | null {
  if (of.boxes === 0) return null
  const made = crops.value
  return (
    <div class="import-boxes">
      {made ? (
        <Made of={made} />
      ) : (
        <>
          <p>
            {of.boxes === 1 ? '1 label is that of a box' : `${number(of.boxes)} labels are those of boxes`}. Imported,
            it counts for the whole photo. Instead, each box can be cut out as a photo of a collection of its own.
          </p>
          <button
            type="button"
            class="button"
            aria-busy={cropping.value}
            aria-disabled={cropping.value || reading.value !== null}
            onClick={() => void makeCrops()}
          >
            {cropping.value ? `Cutting ${plural(of.boxes, 'box', 'boxes')} out…` : 'Make a collection of the crops'}
          </button>
        </>
      )}
    </div>
  )
}

function Made({ of }: { of: Crops }): JSX.Element {
  return (
    <>
      <p role="status">
        {plural(of.crops, 'crop')} {of.crops === 1 ? 'is' : 'are'} in the collection {of.name},{' '}
        {of.imported === of.crops ? 'with the labels of their boxes' : `${number(of.imported)} of them with a label`}.
      </p>
      {of.uncut > 0 && (
        <p class="note">
          {plural(of.uncut, 'box', 'boxes')} could not be cut out:{' '}
          {named(
            of.problems.slice(0, 3).map(({ where, reason }) => `${where}: ${reason}`),
            of.uncut,
          )}
        </p>
      )}
      <a class="button" href={`/c/${encodeURIComponent(of.id)}`}>
        Open the crops
      </a>
    </>
  )
}

function Import({ of }: { of: ImportPlan }): JSX.Element {
  const nothing = nothingText(of, way.value)
  const waits = importing.value || reading.value !== null
  return (
    <>
      {nothing !== null && <Why>{nothing}</Why>}
      <button
        type="button"
        class="button filled"
        aria-busy={importing.value}
        aria-disabled={waits || nothing !== null}
        aria-describedby={nothing !== null ? 'import-nothing' : undefined}
        onClick={() => {
          if (importedCount(of, way.value) > 0) void importShown()
        }}
      >
        {importing.value ? 'Importing…' : actionText(of, way.value)}
      </button>
    </>
  )
}

function Why({ children }: { children: ComponentChildren }): JSX.Element {
  return (
    <p class="hint" id="import-nothing">
      <Icon name="warn" size={16} /> {children}
    </p>
  )
}
