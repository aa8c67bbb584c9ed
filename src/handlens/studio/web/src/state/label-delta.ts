// The labels after a change, of which the server sends only what changed.

import type { Labels, LabelsDelta } from '../server/types'

/** Whether what has changed since another version leads from these labels to later ones. */
export const follows = (now: Labels, delta: LabelsDelta): boolean =>
  delta.since <= now.version && now.version < delta.version

/** The labels that `delta` leads to; what it says of a photo or of a label holds whatever it was before. */
export function changedBy(now: Labels, delta: LabelsDelta): Labels {
  const other = new Set([...delta.gone, ...delta.names.map((l) => l.colour)])
  const names = now.names.filter((l) => !other.has(l.colour))
  for (const { place, ...label } of delta.names) names.splice(place, 0, label)
  const codeOf = new Map(names.map((l, code) => [l.colour, code]))
  const codes = moved(now, codeOf)
  delta.ids.forEach((id, i) => {
    codes[id] = codeOf.get(delta.keys[i]!) ?? -1
  })
  const { version, last_by_person, undo, redo } = delta
  return { version, last_by_person, names, codes, undo, redo }
}

/** A copy of the codes, as positions among the labels of `codeOf`. */
function moved({ names, codes }: Labels, codeOf: ReadonlyMap<number, number>): Int16Array {
  const to = Int16Array.from(names, (l) => codeOf.get(l.colour) ?? -1)
  const next = codes.slice()
  if (to.every((code, was) => code === was)) return next
  for (let id = 0; id < next.length; id++) if (next[id]! >= 0) next[id] = to[next[id]!]!
  return next
}
