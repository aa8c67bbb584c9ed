// What files are that were dropped on the page: labels, or photos.

interface Named {
  /** relative to what was dropped, with / */
  path: string
}

const PICTURE = /\.(jpe?g|png|gif|bmp|tiff?|webp|avif|hei[cf]|jp2|dcm)$/i
const LABELS = /\.(csv|tsv|txt|jsonl?|parquet|xml|ya?ml|arrow|names)$/i

/** Why these files do not make a collection, if they hold labels; null otherwise. */
export function labelFileText(dropped: readonly Named[]): string | null {
  const first = dropped[0]
  if (!first || !dropped.every(({ path }) => LABELS.test(path))) return null
  return `${first.path} looks like labels, not like photos. Open the collection of its photos and drop it there.`
}

/** Why these files have no labels, if they are photos alone; null otherwise: folders by label are labels, too. */
export function photosText(dropped: readonly Named[]): string | null {
  if (dropped.length === 0) return 'There is nothing in it that could be read.'
  const folders = new Set(dropped.map(({ path }) => path.split('/').slice(0, -1).join('/')))
  if (folders.size > 1 || !dropped.every(({ path }) => PICTURE.test(path))) return null
  const what = dropped.length === 1 ? `${dropped[0]!.path} is a photo, which says` : 'These are photos, which say'
  return `${what} nothing about labels. A collection has the photos of its folder: put them there, or make a new collection of them on the first page.`
}
