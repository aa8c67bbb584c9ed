// The form for a new collection as it is filled in, and creating the collection, with the upload of files if needed.

import { computed } from '@preact/signals'
import { home } from '../../server/api'
import type { NewCollection, StudioInfo } from '../../server/types'
import { type ChosenFile, nameFor, send, visible } from '../../server/uploads'
import { whileCopying } from '../../state/copying'
import { sentenceOf } from '../../state/messages'
import { owned } from '../../state/owned'
import { labelFileText } from '../../text/dropped'

/** Where the photos come from. */
export type From = 'path' | 'files' | 'builtin'

const [from, setFrom] = owned<From>('path')
export const [path, setPath] = owned('')
const [files, setFiles] = owned<ChosenFile[]>([])
export const [builtin, setBuiltin] = owned('')
export const [name, setName] = owned('')
const [automatic, setAutomatic] = owned(true)
const [own, setOwn] = owned(false)
const [chosenNets, setChosenNets] = owned<ReadonlySet<string>>(new Set())
/** Networks that are typed by name; the last one is empty. */
const [otherNets, setOtherNets] = owned<readonly string[]>([''])
/** What is typed as the file of weights, by the network. */
const [weights, setWeights] = owned<ReadonlyMap<string, string>>(new Map())
const [working, setWorking] = owned<{ text: string; done: number; total: number } | null>(null)
const [failed, setFailed] = owned<string | null>(null)

export { automatic, chosenNets, failed, files, from, otherNets, own, weights, working }

/** The networks that are chosen or typed, each once. */
export const allNets = computed(() => [
  ...new Set([...chosenNets.value, ...otherNets.value.map((net) => net.trim()).filter(Boolean)]),
])

let began = false
/** Begins the form, once, with what Studio was started with. */
export function beginWith({ preset, backbones }: Pick<StudioInfo, 'preset' | 'backbones'>): void {
  if (began) return
  began = true
  const known = new Set(backbones.map((b) => b.name))
  const nets = preset.backbones.filter((net) => net !== 'auto')
  setAutomatic(preset.backbones.includes('auto'))
  setOwn(preset.own_features)
  setChosenNets(new Set(nets.filter((net) => known.has(net))))
  setOtherNets([...nets.filter((net) => !known.has(net)), ''])
  setWeights(new Map(Object.entries(preset.weights)))
}

export function chooseFrom(which: From): void {
  setFrom(which)
  setFailed(null)
}

/** Takes files that were dropped or chosen; those that hold labels belong to a collection that there is already. */
export function chooseFiles(chosen: ChosenFile[]): void {
  const labels = labelFileText(visible(chosen))
  setFailed(labels)
  if (labels === null) setFiles(visible(chosen))
}

/** Lets Studio choose by the photos what they are compared by, in place of all that was chosen. */
export function chooseAutomatic(on: boolean): void {
  setAutomatic(on)
  if (!on) return
  setOwn(false)
  chooseNets([])
}

/** Chooses features learned on the photos, beside networks that are chosen. */
export function chooseOwn(on: boolean): void {
  setOwn(on)
  if (on) setAutomatic(false)
}

export function chooseNet(net: string, on: boolean): void {
  const next = new Set(chosenNets.value)
  if (on) next.add(net)
  else next.delete(net)
  setChosenNets(next)
  if (on) setAutomatic(false)
}

/** Chooses these networks and no others. */
export function chooseNets(nets: string[]): void {
  setOtherNets([''])
  setChosenNets(new Set(nets))
  if (nets.length > 0) setAutomatic(false)
}

/** Types the name of another network; a new empty place follows. */
export function typeNet(place: number, name: string): void {
  const nets = otherNets.value.map((net, i) => (i === place ? name : net))
  setOtherNets(nets.at(-1)?.trim() ? [...nets, ''] : nets)
  if (name.trim()) setAutomatic(false)
}

export function typeWeights(net: string, file: string): void {
  setWeights(new Map(weights.value).set(net, file))
}

/** What is missing before the collection can be created; null when nothing is missing. */
export const missing = computed<string | null>(() => {
  if (from.value === 'path' && !path.value.trim()) return 'Enter a folder.'
  if (from.value === 'files' && files.value.length === 0) return 'Drop or choose photos.'
  if (from.value === 'builtin' && !builtin.value) return 'Choose one of the built-in collections.'
  if (!automatic.value && !own.value && allNets.value.length === 0) return 'Choose what to compare the photos by.'
  return null
})

async function upload(): Promise<NewCollection['source']> {
  const total = files.value.length
  const id = await send(files.value, (done) => setWorking({ text: 'Copying', done, total }))
  return { kind: 'upload', upload: id }
}

/** What the photos are to be compared by. */
export function wantedSources(): Pick<NewCollection, 'backbones' | 'own_features' | 'weights'> {
  const nets = allNets.value
  const typed = nets.map((net) => [net, weights.value.get(net)?.trim() ?? ''] as const).filter(([, file]) => file)
  return {
    backbones: automatic.value ? ['auto'] : nets,
    own_features: own.value,
    weights: Object.fromEntries(typed),
  }
}

export async function create(): Promise<void> {
  if (missing.value !== null) {
    setFailed(missing.value)
    return
  }
  setFailed(null)
  setWorking({ text: 'Looking through the photos', done: 0, total: 0 })
  try {
    const source: NewCollection['source'] =
      from.value === 'path'
        ? { kind: 'path', path: path.value.trim() }
        : from.value === 'builtin'
          ? { kind: 'builtin', name: builtin.value }
          : await upload()
    setWorking({ text: 'Looking through the photos', done: 0, total: 0 })
    const called = name.value.trim() || (from.value === 'files' ? nameFor(files.value) : '')
    const { id } = await whileCopying(
      home.create({
        ...(called ? { name: called } : {}),
        source,
        ...wantedSources(),
      }),
    )
    location.href = `/c/${encodeURIComponent(id)}`
  } catch (error) {
    setFailed(sentenceOf(error))
    setWorking(null)
  }
}
