// Importing labels: the file or folder that was chosen, what importing it would do, and doing it.

import { ApiError } from '../server/http'
import type { Crops, ImportFormat, ImportPlan, ImportSource } from '../server/types'
import { type ChosenFile, discard, nameFor, send, visible } from '../server/uploads'
import { doneText, type Way } from '../text/importing'
import { api } from './collection'
import { closeDialog, dialog } from './dialogs'
import { inTurn, sayChanged, takeLabels } from './labels'
import { say, sentenceOf } from './messages'
import { owned } from './owned'
import { loadTruth } from './truth'

/** Files that were dropped or chosen, or a path on the machine that runs Studio. */
export type From = { files: ChosenFile[] } | { path: string }

const [formats, setFormats] = owned<readonly ImportFormat[]>([])
const [from, setFrom] = owned<From | null>(null)
/** The format that was chosen; '' for the one that is recognised. */
const [format, setFormat] = owned('')
/** What may be chosen, as the latest plan had it; what is chosen comes first. */
const [offered, setOffered] = owned<ImportPlan['choices']>({})
const [plan, setPlan] = owned<ImportPlan | null>(null)
const [problem, setProblem] = owned<string | null>(null)
/** Why what is shown is not what was shown before. */
const [changed, setChanged] = owned<string | null>(null)
/** What the page waits for before it can show what importing would do. */
const [reading, setReading] = owned<{ text: string; done: number; total: number } | null>(null)
const [importing, setImporting] = owned(false)
const [way, setWay] = owned<Way>({ replace: false, asTruth: false })
const [cropping, setCropping] = owned(false)
const [crops, setCrops] = owned<Crops | null>(null)

export { changed, cropping, crops, format, formats, from, importing, offered, plan, problem, reading, setWay, way }

let choices: Record<string, string> = {}
/** The upload that has arrived. */
let upload: string | null = null
/** Counts what was asked: the answer to anything but the latest question is not shown. */
let asked = 0

class Overtaken extends Error {}

export async function loadFormats(): Promise<void> {
  if (formats.value.length === 0) setFormats(await api.importFormats())
}

/** Once the dialog is closed; an import that goes on needs its file until it ends. */
export function leave(): void {
  if (!importing.value) reset()
}

/** Goes back to choosing a file; what was uploaded is removed. */
export function reset(): void {
  asked++
  if (upload !== null) discard(upload)
  upload = null
  choices = {}
  setFrom(null)
  setFormat('')
  setOffered({})
  setPlan(null)
  setProblem(null)
  setChanged(null)
  setReading(null)
  setWay({ replace: false, asTruth: false })
  setCrops(null)
}

/** Takes a file or folder, and looks what importing it would do. */
export function choose(what: From): void {
  reset()
  if ('files' in what && visible(what.files).length === 0) return
  setFrom('files' in what ? { files: visible(what.files) } : what)
  void look()
}

/** Reads it as another format. */
export function chooseFormat(name: string): void {
  choices = {}
  setFormat(name)
  setOffered({})
  void look()
}

export function chooseValue(key: string, value: string): void {
  choices = { ...choices, [key]: value }
  const others = (offered.value[key] ?? []).filter((other) => other !== value)
  setOffered({ ...offered.value, [key]: [value, ...others] })
  void look()
}

/** What the file or folder is called. */
export function sourceName(what: From): string {
  if ('path' in what) return what.path.split(/[\\/]/).filter(Boolean).at(-1) ?? what.path
  const [first] = what.files
  if (!first) return ''
  if (what.files.length === 1 && !first.path.includes('/')) return first.file.name
  return nameFor(what.files) || `${what.files.length} files`
}

/** Looks what importing would do; `because` says why it is asked again, if the answer is another one then. */
export async function look(because: string | null = null): Promise<void> {
  const mine = ++asked
  const before = plan.value?.digest
  setProblem(null)
  if (because === null) setChanged(null)
  try {
    const source = await wanted(mine)
    if (mine !== asked) return
    setReading({ text: 'Reading', done: 0, total: 0 })
    const found = await api.planImport(source)
    if (mine !== asked) return
    setPlan(found)
    setOffered(found.choices)
    if (because !== null && before !== undefined && found.digest !== before) setChanged(because)
  } catch (error) {
    if (mine !== asked) return
    setPlan(null)
    refused(error)
  }
  setReading(null)
}

/** Says why it did not work; an upload that is gone is sent again the next time. */
function refused(error: unknown): void {
  if (error instanceof ApiError && error.status === 404) upload = null
  setProblem(sentenceOf(error))
}

/** The source as the server is asked about it, with its files uploaded. */
async function wanted(mine: number): Promise<ImportSource> {
  const what = from.value!
  const asIs = { format: format.value || null, choices, name: 'files' in what ? sourceName(what) : null }
  if ('path' in what) return { source: { kind: 'path', path: what.path }, ...asIs }
  if (upload === null) {
    const total = what.files.length
    const arrived = await send(what.files, (done) => {
      if (mine !== asked) throw new Overtaken()
      setReading({ text: 'Copying', done, total })
    })
    if (mine !== asked) {
      discard(arrived)
      throw new Overtaken()
    }
    upload = arrived
  }
  return { source: { kind: 'upload', upload }, ...asIs }
}

/** Imports what is shown; if that would be something else by now, shows that instead. */
export async function importShown(): Promise<void> {
  const agreed = plan.value
  if (agreed === null || importing.value || reading.value !== null) return
  const how = way.value
  setImporting(true)
  try {
    const source = await wanted(asked)
    const done = await inTurn(async () => {
      const made = await api.importLabels({
        ...source,
        replace: how.replace,
        as_truth: how.asTruth,
        digest: agreed.digest,
      })
      takeLabels(await api.labels())
      return made
    })
    if (dialog.value?.kind === 'import') closeDialog()
    if (how.asTruth) {
      await loadTruth()
      say(`${doneText(done, how)}. The panel “Model” says how often the model is right on them.`)
    } else if ((done.imported ?? 0) > 0) sayChanged(doneText(done, how))
    else say('Nothing was imported: the labels have changed in the meantime.')
  } catch (error) {
    if (dialog.value?.kind !== 'import') say(`Not imported: ${sentenceOf(error)}`, 'error')
    else if (error instanceof ApiError && error.status === 409) {
      await look(sentenceOf(error))
      setChanged(sentenceOf(error))
    } else refused(error)
  } finally {
    setImporting(false)
    if (dialog.value?.kind !== 'import') reset()
  }
}

/** Makes a collection of what is in the boxes of the file. */
export async function makeCrops(): Promise<void> {
  if (cropping.value) return
  const mine = asked
  setCropping(true)
  setProblem(null)
  try {
    const made = await api.cropBoxes(await wanted(mine))
    if (mine === asked) setCrops(made)
    else say(`The crops are in a new collection, ${made.name}.`)
  } catch (error) {
    if (mine === asked) refused(error)
    else say(`No crops were made: ${sentenceOf(error)}`, 'error')
  } finally {
    setCropping(false)
  }
}
