// The collection on the screen as the server last described it, and its photos.

import { computed } from '@preact/signals'
import type { CollectionApi } from '../server/api'
import type { CollectionState, Layer, Photos, Projection } from '../server/types'
import { attempt, say } from './messages'
import { owned } from './owned'

/** The calls about the collection on the screen; set once, when the labelling screen opens. */
export let api: CollectionApi
export const setApi = (to: CollectionApi): void => {
  api = to
}

const [collection, setCollection] = owned<CollectionState | null>(null)
const [photos, setPhotos] = owned<Photos | null>(null)

export { collection, photos }
/** Why the collection could not be opened, or is no longer there; null while all is well. */
export const [fatal, setFatal] = owned<string | null>(null)
/** Whether that is because the folder of its photos is gone. */
export const [folderGone, setFolderGone] = owned(false)
/** Whether the server's events arrive. */
export const [connected, setConnected] = owned(true)

/** All photos, and those whose features are ready. */
export const count = computed(() => collection.value?.count ?? 0)
export const prepared = computed(() => photos.value?.prepared ?? 0)
/**
 * The layers in the order of the light table and of the keys that step through them: those pooled as *what*, from the
 * first stage to the last, then those pooled as *where*.
 */
export const layers = computed<Layer[]>(() => {
  const all = collection.value?.layers ?? []
  return [...all.filter((l) => l.pooling === 'what'), ...all.filter((l) => l.pooling === 'where')]
})
export const projections = computed<Projection[]>(() => collection.value?.projections ?? [])

/** Takes the server's state, unless a newer one is on the screen: answers and events overtake each other. */
export function replaceCollection(next: CollectionState): boolean {
  const now = collection.value
  if (now !== null && now.id === next.id && next.as_of < now.as_of) return false
  setCollection(next)
  return true
}
export const replacePhotos = setPhotos

/** Replaces the given fields, which an event or an answer reports before the whole state arrives. */
export function updateCollection(fields: Partial<Pick<CollectionState, 'maps_version' | 'spot_check'>>): void {
  if (collection.value) setCollection({ ...collection.value, ...fields })
}

export async function loadPhotos(): Promise<void> {
  setPhotos(await api.photos())
}

/** More photos are prepared; the count never goes down. */
export function updatePrepared(n: number): void {
  if (photos.value && n > photos.value.prepared) setPhotos({ ...photos.value, prepared: n })
}

export const prepare = (): Promise<boolean> => attempt(async () => void replaceCollection(await api.prepare()))

export const cancelPreparing = (): Promise<boolean> => attempt(async () => void replaceCollection(await api.cancel()))

/** Ends looking for what has changed in the folder of the photos. */
export const cancelScan = (): Promise<boolean> => attempt(async () => void replaceCollection(await api.cancelScan()))

/** Uses the photos that were found in the folder; the page then starts afresh, with all of them. */
export const addFound = (): Promise<boolean> =>
  attempt(async () => void (await api.addFound()), 'The photos could not be added: ')

/** Looks whether the folder of the photos is there again, and what has changed in it. */
export const lookForFolder = (): Promise<boolean> =>
  attempt(async () => {
    replaceCollection(await api.scan())
    if (collection.value?.folder_gone) say('The folder of the photos is still not there.')
  })

/** Adds a pretrained network by its name, or features learned on these photos (null). */
export const addSource = (backbone: string | null): Promise<boolean> =>
  attempt(async () => void replaceCollection(await api.addSource(backbone)), 'Could not add it: ')

/** Removes a source that failed. */
export const removeSource = (name: string): Promise<boolean> =>
  attempt(async () => void replaceCollection(await api.removeSource(name)), 'Could not remove it: ')

/** Networks number their stages from 0, people from 1. */
export const stageOf = (of: Layer): string => (/^\d+$/.test(of.stage) ? String(Number(of.stage) + 1) : of.stage)

/** What the page calls a layer among those of its source. */
export const shortTitleOf = (of: Layer): string =>
  `${/^\d+$/.test(of.stage) ? `stage ${stageOf(of)}` : of.stage} · ${of.pooling}`

/** What the page calls a layer: with its source only where there are several. */
export function titleOf(of: Layer): string {
  const several = new Set(layers.value.map((l) => l.source)).size > 1
  const source = collection.value?.sources.find((s) => s.name === of.source)?.title ?? of.source
  return several ? `${source} · ${shortTitleOf(of)}` : shortTitleOf(of)
}

export const nameOf = (id: number): string => photos.value?.paths[id] ?? `photo ${id}`
