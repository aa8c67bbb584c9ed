// How the numbers of one column are written: all with the same decimals, so that they can be compared digit by digit.

import { figure } from '../scale'
import { shown } from '../state/filter'
import type { Column, Json } from '../state/table'

/** Digits that count in the largest number. */
const DIGITS = 4
const MOST_DECIMALS = 6
/** Numbers that are this many times as large as others have digits of their own: rates from 0.00001 to 0.01. */
const WIDE = 1000

/** A function that writes these numbers alike. */
export function writerOf(values: Iterable<number>): (value: number) => string {
  let [least, most, whole, exact] = [Number.POSITIVE_INFINITY, 0, true, 0]
  for (const value of values) {
    if (!Number.isFinite(value)) continue
    whole &&= Number.isInteger(value)
    exact = Math.max(exact, decimalsOf(value))
    const size = Math.abs(value)
    if (size > most) most = size
    if (size > 0 && size < least) least = size
  }
  if (whole && most < 1e9) return (value) => (Number.isInteger(value) ? minus(value.toFixed(0)) : figure(value))
  // Not more than they were written with: 0.5 and 0.25, not 0.5000 and 0.2500.
  const decimals = Math.min(exact, Math.max(0, DIGITS - 1 - Math.floor(Math.log10(most))))
  if (decimals > MOST_DECIMALS || most >= 1e6 || most / least > WIDE) return (value) => figure(value)
  return (value) => (Number.isFinite(value) ? minus(value.toFixed(decimals)) : figure(value))
}

/** The decimals of a number as it is written, many for one that is written with a power of ten. */
function decimalsOf(value: number): number {
  const text = String(value)
  return text.includes('e') ? MOST_DECIMALS + 1 : (text.split('.')[1]?.length ?? 0)
}

const minus = (text: string): string => text.replace('-', '−')

const DATES = new Intl.DateTimeFormat('en', {
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
})

function firstLine(text: string): string {
  const [first, ...others] = text.split('\n')
  return others.length === 0 ? text : `${first} …`
}

/** Columns of seconds since 1970. */
export const TIMES: readonly string[] = ['started', 'ended']

/** A function that writes the values of a column. */
export function writerFor({ name, numeric, values }: Column): (value: Json) => string {
  if (!numeric) return (value) => (value === null ? '' : firstLine(shown(value)))
  if (TIMES.includes(name)) return (value) => (value === null ? '' : DATES.format(1000 * (value as number)))
  const write = writerOf(values.filter((value) => value !== null) as number[])
  return (value) => (value === null ? '' : write(value as number))
}
