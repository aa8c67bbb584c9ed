// Names of labels: how they are kept, and which of them are easily taken for one another.

import type { LabelCount } from '../server/types'

/** A name as the server keeps it: Unicode NFC, and one space for any run of white space. */
export const kept = (name: string): string => name.trim().split(/\s+/).join(' ').normalize('NFC')

/** The same text for names that differ only by capital letters, spaces or the form of their characters (NFKC). */
const folded = (name: string): string =>
  name.normalize('NFKC').toLowerCase().toUpperCase().toLowerCase().normalize('NFKC').replace(/\s+/g, '')

/** The label that a new name could be taken for; null where there is none, or the name is that of a label. */
export function lookAlike(all: readonly LabelCount[], name: string): LabelCount | null {
  if (all.some((l) => l.name === name)) return null
  return all.find((l) => folded(l.name) === folded(name)) ?? null
}
