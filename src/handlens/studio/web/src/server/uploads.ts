// Files that were dropped on the page or chosen: a zip, single files, or a whole folder.

import { home } from './api'

export interface ChosenFile {
  /** path relative to what was dropped, with / */
  path: string
  file: File
}

export const isZip = (file: File): boolean => /\.zip$/i.test(file.name) || file.type === 'application/zip'

/** The name for a collection of these files: the folder's or the zip's. */
export function nameFor(chosen: ChosenFile[]): string {
  const first = chosen[0]
  if (!first) return ''
  const folder = first.path.includes('/') ? first.path.split('/')[0]! : ''
  if (folder) return folder
  return chosen.length === 1 ? first.file.name.replace(/\.[^.]+$/, '') : ''
}

export function fromInput(input: HTMLInputElement): ChosenFile[] {
  return Array.from(input.files ?? [], (file) => ({ path: file.webkitRelativePath || file.name, file }))
}

/** Hidden files (.DS_Store and the like) are not photos. */
export const visible = (chosen: ChosenFile[]): ChosenFile[] =>
  chosen.filter(({ path }) => !path.split('/').some((part) => part.startsWith('.')))

/** All files that were dropped, with those inside dropped folders. */
export async function fromDrop(items: DataTransferItemList): Promise<ChosenFile[]> {
  // The entries must be taken before the first await: the list is emptied when the event is over.
  const dropped = Array.from(items, (item) => item.webkitGetAsEntry() ?? item.getAsFile()).filter((one) => one !== null)
  const found: ChosenFile[] = []
  for (const one of dropped) {
    if (one instanceof File)
      found.push({ path: one.name, file: one }) // from a program, not from a folder
    else await walk(one, '', found)
  }
  return found
}

async function walk(entry: FileSystemEntry, under: string, found: ChosenFile[]): Promise<void> {
  const path = under + entry.name
  if (entry.isFile) {
    const file = await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed))
    found.push({ path, file })
    return
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  for (;;) {
    // A reader returns at most a hundred entries at a time, and an empty list at the end.
    const some = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed))
    if (some.length === 0) return
    for (const one of some) await walk(one, `${path}/`, found)
  }
}

/** Runs `work` on all, a few at a time; stops at the first failure. */
export async function inParallel<T>(all: T[], atOnce: number, work: (one: T) => Promise<unknown>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < all.length) await work(all[next++]!)
  }
  try {
    await Promise.all(Array.from({ length: Math.min(atOnce, all.length) }, lane))
  } finally {
    next = all.length
  }
}

/** Sends files to a new upload, zips first; `step` is told how many have arrived, and stops the rest if it throws. */
export async function send(chosen: ChosenFile[], step: (done: number) => void): Promise<string> {
  const id = await home.startUpload()
  let done = 0
  try {
    step(done)
    for (const { file } of chosen.filter((one) => isZip(one.file))) {
      await home.uploadZip(id, file)
      step(++done)
    }
    const single = chosen.filter((one) => !isZip(one.file))
    await inParallel(single, 4, async ({ path, file }) => {
      await home.uploadPhoto(id, path, file)
      step(++done)
    })
  } catch (error) {
    discard(id)
    throw error
  }
  return id
}

/** Removes an upload that is not used any more; one that could not be removed goes by itself later. */
export function discard(upload: string): void {
  home.discardUpload(upload).catch(() => undefined)
}
