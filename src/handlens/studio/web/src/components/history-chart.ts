// Where the points of the chart of the history are drawn.

import type { HistoryPoint } from '../server/types'

/** Pixels of the whole chart, and of the room beside its axes. */
export const WIDTH = 248
export const HEIGHT = 116
export const AXIS = { left: 40, right: WIDTH - 10, top: 8, bottom: HEIGHT - 20 }

/** A model on the chart: its interval or guess from `low` to `high`, and its accuracy at `y` if it was checked. */
export interface Mark {
  x: number
  low: number
  high: number
  y: number | null
  fineTuned: boolean
}

export const yOf = (share: number): number => AXIS.top + (1 - share) * (AXIS.bottom - AXIS.top)

/** Room on either side for models of as many labels, which stand side by side. */
const ASIDE = 12
const APART = 8

/** The least and the most labels of the points, and where a number of labels lies between them. */
function scaleOf(points: readonly HistoryPoint[]): { least: number; most: number; xOf: (labels: number) => number } {
  const counts = points.map((p) => p.n_labelled)
  const [least, most] = [Math.min(...counts), Math.max(...counts)]
  const [from, to] = [AXIS.left + ASIDE, AXIS.right - ASIDE]
  const xOf = (n: number): number =>
    least === most ? (from + to) / 2 : from + ((n - least) / (most - least)) * (to - from)
  return { least, most, xOf }
}

/** Marks of the models of which something is known, the earliest first. */
export function marksOf(points: readonly HistoryPoint[]): Mark[] {
  const { xOf } = scaleOf(points)
  const marks: Mark[] = []
  for (const [i, point] of points.entries()) {
    const [low, high] = [point.low ?? point.guess_low, point.high ?? point.guess_high]
    if (low === null || high === null) continue
    const equals = points.flatMap((p, place) => (p.n_labelled === point.n_labelled ? [place] : []))
    const aside = (equals.indexOf(i) - (equals.length - 1) / 2) * APART
    marks.push({
      x: xOf(point.n_labelled) + Math.max(-ASIDE, Math.min(ASIDE, aside)),
      low: yOf(low),
      high: yOf(high),
      y: point.accuracy === null ? null : yOf(point.accuracy),
      fineTuned: point.kind !== 'quick',
    })
  }
  return marks
}

/** The line through the quick models that were checked, which learn from ever more labels. */
export const lineOf = (marks: readonly Mark[]): string =>
  marks.flatMap((m) => (m.y === null || m.fineTuned ? [] : [`${m.x},${m.y}`])).join(' ')

/** The numbers of labels at the ends of the x axis, with their places. */
export function endsOf(points: readonly HistoryPoint[]): { x: number; n: number }[] {
  const { least, most, xOf } = scaleOf(points)
  return [...new Set([least, most])].map((n) => ({ x: xOf(n), n }))
}
