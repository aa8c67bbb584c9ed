// Numbers as people read them.

const grouped = new Intl.NumberFormat('en')

export const number = (n: number): string => grouped.format(n)

export const plural = (n: number, one: string, many = `${one}s`): string => `${number(n)} ${n === 1 ? one : many}`

export const photos = (n: number): string => plural(n, 'photo')

/** A source's title at the start of a line, with a capital letter; a network's name stays as it is. */
export const headed = (title: string): string =>
  title.includes(' ') ? title.charAt(0).toUpperCase() + title.slice(1) : title

/** 0.864 → "86 %"; 100 % is only used for exactly 1. */
export function percent(share: number): string {
  const rounded = Math.round(share * 100)
  if (rounded === 100 && share < 1) return '99 %'
  return `${rounded} %`
}

export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`
}

/** When a collection was last opened, from an ISO time. */
export function when(time: string | null, now = Date.now()): string {
  if (time === null) return 'not opened yet'
  const then = Date.parse(time)
  if (Number.isNaN(then)) return ''
  const seconds = (now - then) / 1000
  if (seconds < 90) return 'just now'
  if (seconds < 3600) return `${Math.round(seconds / 60)} minutes ago`
  if (seconds < 86400) return `${plural(Math.round(seconds / 3600), 'hour')} ago`
  if (seconds < 86400 * 30) return `${plural(Math.round(seconds / 86400), 'day')} ago`
  return new Date(then).toLocaleDateString('en', { dateStyle: 'medium' })
}
