// The form for a new collection as it is filled in, and creating the collection, with the upload of files if needed.

import { computed } from '@preact/signals'
import { home } from '../../server/api'
import type { NewCollection } from '../../server/types'
import { sentenceOf } from '../../state/messages'
import { owned } from '../../state/owned'
import { type ChosenFile, inParallel, isZip, nameFor, visible } from './uploads'

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
const [working, setWorking] = owned<{ text: string; done: number; total: number } | null>(null)
const [failed, setFailed] = owned<string | null>(null)

export { automatic, chosenNets, failed, files, from, own, working }

export function chooseFrom(which: From): void {
  setFrom(which)
  setFailed(null)
}

export function chooseFiles(chosen: ChosenFile[]): void {
  setFiles(visible(chosen))
  setFailed(null)
}

/** Lets Studio choose by the photos what they are compared by, in place of all that was chosen. */
export function chooseAutomatic(on: boolean): void {
  setAutomatic(on)
  if (!on) return
  setOwn(false)
  setChosenNets(new Set())
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
  chooseNets([...next])
}

/** Chooses these networks and no others. */
export function chooseNets(nets: string[]): void {
  setChosenNets(new Set(nets))
  if (nets.length > 0) setAutomatic(false)
}

/** What is missing before the collection can be created; null when nothing is missing. */
export const missing = computed<string | null>(() => {
  if (from.value === 'path' && !path.value.trim()) return 'Enter a folder.'
  if (from.value === 'files' && files.value.length === 0) return 'Drop or choose photos.'
  if (from.value === 'builtin' && !builtin.value) return 'Choose one of the built-in collections.'
  if (!automatic.value && !own.value && chosenNets.value.size === 0) return 'Choose what to compare the photos by.'
  return null
})

async function upload(): Promise<NewCollection['source']> {
  const id = await home.startUpload()
  const zips = files.value.filter((f) => isZip(f.file))
  const single = files.value.filter((f) => !isZip(f.file))
  const total = files.value.length
  let done = 0
  const step = (): void => {
    setWorking({ text: 'Copying', done, total })
  }
  step()
  for (const zip of zips) {
    await home.uploadZip(id, zip.file)
    done++
    step()
  }
  await inParallel(single, 4, async (one) => {
    await home.uploadPhoto(id, one.path, one.file)
    done++
    step()
  })
  return { kind: 'upload', upload: id }
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
    const { id } = await home.create({
      ...(called ? { name: called } : {}),
      source,
      backbones: automatic.value ? ['auto'] : [...chosenNets.value],
      own_features: own.value,
    })
    location.href = `/c/${encodeURIComponent(id)}`
  } catch (error) {
    setFailed(sentenceOf(error))
    setWorking(null)
  }
}
