// The files to download: labels, predictions, photos in folders, the model, and the audit.

import { signal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import type { ExportedFile } from '../../server/api'
import type { ExportFormat, Filter } from '../../server/types'
import { api, collection } from '../../state/collection'
import {
  cancelExport,
  exports,
  forgetEnded,
  formats,
  loadExportFormats,
  noFormats,
  startExport,
} from '../../state/exporting'
import { filter, found, foundCount } from '../../state/filters'
import { labelledCount, labels } from '../../state/labels'
import { predictions, reportIsOld } from '../../state/model'
import { aboutFormat, otherFormats } from '../../text/export-formats'
import { photos as photosText } from '../../text/format'
import { Icon } from '../icons'
import { Dialog } from './Dialog'

/** Whether files hold only the photos of the filter that is on. */
const onlyFound = signal(true)

export function TakeAway(): JSX.Element {
  useEffect(() => {
    void loadExportFormats()
    return forgetEnded
  }, [])
  const all = formats.value
  const where = onlyFound.value && found.value ? filter.value : null
  const labelled = where
    ? found.value!.reduce((n, on, id) => n + (on && labels.value.codes[id]! >= 0 ? 1 : 0), 0)
    : labelledCount.value
  const trained = predictions.value !== null
  const several = collection.value!.models.length > 1
  const noLabels = labelled > 0 ? null : where ? 'No photo of the filter has a label.' : 'Label some photos first.'
  const noModel = trained ? null : 'Train a model first.'
  return (
    <Dialog title="Take away">
      {reportIsOld.value && (
        <p class="note">Labels have changed since the model was trained; its predictions do not know the new ones.</p>
      )}
      {found.value && (
        <label class="tick">
          <input
            type="checkbox"
            checked={onlyFound.value}
            onChange={(event) => {
              onlyFound.value = event.currentTarget.checked
            }}
          />
          Only the {photosText(foundCount.value!)} of the filter, for labels, predictions and folders
        </label>
      )}
      <ul class="take">
        <Take file="labels.csv" where={where} name="Labels" missing={noLabels}>
          CSV: each of {photosText(labelled)} with its label, how it was given and when.
        </Take>
        <Take file="predictions.csv" where={where} name="Predictions" missing={noModel}>
          CSV: each photo, its label if it has one, what the model predicts, and how sure it is of each label.
        </Take>
        <Take file="folders.zip" where={where} name="Photos in folders" missing={noLabels}>
          Zip: the labelled photos, one folder for each label.
        </Take>
        <Take file="model.zip" name="Model" missing={noModel}>
          {several && `The ${collection.value!.model} one, which is in use. `}
          Unzip it, then: <code>handlens predict MODEL/ PHOTOS/ --out predictions.csv</code>
        </Take>
        <Take file="DATASHEET.md" name="Datasheet" missing={null}>
          Markdown: what these photos are, as far as it is filled in.
        </Take>
        <Take file="review-log.csv" name="Review log" missing={null}>
          CSV: every decision of the review queue, who made it and why.
        </Take>
      </ul>
      <h3>Labels for other programs</h3>
      {noFormats.value !== null && (
        <p class="problem" role="alert">
          {noFormats.value}{' '}
          <button type="button" class="button small" onClick={() => void loadExportFormats()}>
            Try again
          </button>
        </p>
      )}
      {!all && noFormats.value === null && <p class="hint">Loading the formats…</p>}
      {all && (
        <ul class="take">
          {otherFormats(all).map((one) => (
            <Write key={one.name} format={one} where={where} missing={noLabels} />
          ))}
        </ul>
      )}
    </Dialog>
  )
}

/** A format is written first, which may take a while; then the file is downloaded. */
function Write({ format, where, missing }: { format: ExportFormat; where: Filter | null; missing: string | null }) {
  const { name, title, ending } = format
  const now = exports.value.get(name)
  const run = now && 'run' in now ? now.run : null
  const isRunning = now !== undefined && 'run' in now
  const share = run && run.total > 1 ? { value: run.done, max: run.total } : {}
  return (
    <li>
      <div>
        <b>{title}</b> <span class="tag">{ending}</span>
        <p>{missing ?? aboutFormat(format)}</p>
        <div role="status">
          {isRunning && (
            <p class="writing">
              Writing… <progress aria-label={`Writing ${title}`} {...share} />
            </p>
          )}
          {now && 'done' in now && <p>{now.done}</p>}
          {now && 'failed' in now && <p class="problem">{now.failed}</p>}
        </div>
      </div>
      {isRunning ? (
        <button type="button" class="button" aria-label={`Cancel writing ${title}`} onClick={() => cancelExport(name)}>
          Cancel
        </button>
      ) : (
        <button
          type="button"
          class="button"
          aria-disabled={missing !== null}
          aria-label={`Download labels as ${title}`}
          onClick={() => {
            if (missing === null) void startExport(format, where)
          }}
        >
          <Icon name="take" /> Download
        </button>
      )}
    </li>
  )
}

interface TakeProps {
  file: ExportedFile
  where?: Filter | null
  name: string
  missing: string | null
  children: ComponentChildren
}

function Take({ file, where, name, missing, children }: TakeProps): JSX.Element {
  return (
    <li>
      <div>
        <b>{name}</b>
        <p>{missing ?? children}</p>
      </div>
      <a
        class="button filled"
        // Without an address the link cannot be followed; the text beside it says why.
        href={missing ? undefined : api.file(file, where)}
        download={missing ? undefined : ''}
        // biome-ignore lint/a11y/noRedundantRoles: without an address, <a> is not a link for assistive technology
        role="link"
        aria-disabled={missing !== null}
        aria-label={`Download ${name.toLowerCase()}`}
      >
        <Icon name="take" /> Download
      </a>
    </li>
  )
}
