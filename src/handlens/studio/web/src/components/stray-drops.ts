// A file that is dropped beside the place for files would be opened by the browser, instead of the page.

import { type ChosenFile, fromDrop, visible } from '../server/uploads'

const hasFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false

/** Refuses files wherever nothing takes them. */
export function refuseStrayDrops(): void {
  const refuse = (event: DragEvent): void => {
    if (event.defaultPrevented || !hasFiles(event)) return
    event.preventDefault()
    event.dataTransfer!.dropEffect = 'none'
  }
  addEventListener('dragover', refuse)
  addEventListener('drop', refuse)
}

interface Drops {
  /** whether files are taken now */
  wanted: () => boolean
  /** files are over the page, or not any more */
  over: (now: boolean) => void
  /** the files that were dropped, without hidden ones */
  dropped: (files: ChosenFile[]) => void
}

/** Takes files that are dropped anywhere on the page where no other place takes them; returns what ends this. */
export function takeDrops({ wanted, over, dropped }: Drops): () => void {
  // On the document, below the window: what is taken here is not refused there.
  const onOver = (event: DragEvent): void => {
    if (event.defaultPrevented || !hasFiles(event) || !wanted()) return
    event.preventDefault()
    over(true)
  }
  const onLeave = (event: DragEvent): void => {
    if (event.relatedTarget === null) over(false) // out of the window, not into another element
  }
  const onDrop = (event: DragEvent): void => {
    over(false)
    if (event.defaultPrevented || !hasFiles(event) || !wanted()) return
    event.preventDefault()
    void fromDrop(event.dataTransfer!.items).then((files) => dropped(visible(files)))
  }
  document.addEventListener('dragover', onOver)
  document.addEventListener('dragleave', onLeave)
  document.addEventListener('drop', onDrop)
  return () => {
    document.removeEventListener('dragover', onOver)
    document.removeEventListener('dragleave', onLeave)
    document.removeEventListener('drop', onDrop)
  }
}
