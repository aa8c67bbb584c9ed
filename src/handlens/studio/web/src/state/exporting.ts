// Labels in the formats of other programs: each is written by the server, and then downloaded.

import type { ExportFormat, ExportRun, Filter } from '../server/types'
import { plural } from '../text/format'
import { api } from './collection'
import { announce, sentenceOf } from './messages'
import { owned } from './owned'

/** An export that is written, was downloaded, or failed. */
export type Export = { run: ExportRun | null } | { done: string } | { failed: string }

const [formats, setFormats] = owned<readonly ExportFormat[] | null>(null)
const [noFormats, setNoFormats] = owned<string | null>(null)
/** By the format's name. */
const [exports, setExports] = owned<ReadonlyMap<string, Export>>(new Map())

export { exports, formats, noFormats }

const POLL = 300

/** Which start of a format's export is the latest; cancelling it counts, too. */
const latest = new Map<string, number>()
function next(name: string): () => boolean {
  const mine = (latest.get(name) ?? 0) + 1
  latest.set(name, mine)
  return () => latest.get(name) === mine
}

export async function loadExportFormats(): Promise<void> {
  setNoFormats(null)
  try {
    setFormats(await api.exportFormats())
  } catch (error) {
    setNoFormats(sentenceOf(error))
  }
}

function put(name: string, state: Export | null): void {
  const all = new Map(exports.value)
  if (state) all.set(name, state)
  else all.delete(name)
  setExports(all)
}

/** What of an earlier export is said no longer. */
export function forgetEnded(): void {
  setExports(new Map([...exports.value].filter(([, state]) => 'run' in state)))
}

/** What was written, and which photos could not be read. */
export function writtenText({ labels, left_out: out, problems }: ExportRun): string {
  const written = `${plural(labels ?? 0, 'label')} written.`
  const first = problems[0]
  if (out === 0 || !first) return written
  const which = out === 1 ? `${first.path}: ${first.reason}` : `such as ${first.path}: ${first.reason}`
  return `${written} ${plural(out, 'photo')} left out, ${which}.`
}

/** Writes the labels in a format, and downloads the file once it is ready. */
export async function startExport({ name, title }: ExportFormat, where: Filter | null): Promise<void> {
  const now = exports.value.get(name)
  if (now && 'run' in now) return
  const isLatest = next(name)
  put(name, { run: null })
  try {
    let run = await api.startExport(name, where)
    while (isLatest() && !run.ready && run.error === null) {
      put(name, { run })
      await new Promise((done) => setTimeout(done, POLL))
      if (isLatest()) run = await api.exportRun(run.run)
    }
    if (!isLatest() || run.error !== null) {
      api.cancelExport(run.run).catch(() => undefined)
      if (isLatest()) put(name, { failed: run.error! })
      return
    }
    download(api.exported(run.run))
    put(name, { done: writtenText(run) })
    announce(`${title}: ${writtenText(run)}`)
  } catch (error) {
    if (isLatest()) put(name, { failed: sentenceOf(error) })
  }
}

/** Stops an export; the loop that follows it tells the server. */
export function cancelExport(name: string): void {
  next(name)
  put(name, null)
  announce('The export was cancelled')
}

function download(address: string): void {
  const link = document.createElement('a')
  link.href = address
  link.download = ''
  link.click()
}
