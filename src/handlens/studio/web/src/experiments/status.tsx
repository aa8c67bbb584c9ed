// The status of a run, told by a word and by a shape.

import type { JSX } from 'preact'

const SHAPES: Record<string, string> = {
  waiting: 'M8 2.5a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11Z',
  running: 'M8 2.500a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11ZM8 4.500v3.500l2.500 1.500',
  stopping: 'M8 2.500a5.500 5.500 0 1 0 0 11 5.500 5.500 0 0 0 0-11ZM6 6h4v4h-4z',
  finished: 'M2.500 8.500 6.500 12.500 13.500 4',
  failed: 'M3.500 3.500l9 9M12.500 3.500l-9 9',
  pruned: 'M3 4h10M5 8h6M7 12h2',
  stopped: 'M4 4h8v8h-8z',
  'cut off': 'M3 8h3.500M9.500 8h3.500M6.500 5.500v5M9.500 5.500v5',
}

/** What is said of a run: one whose process is gone is not running, whatever the record says. */
export const saidOf = (status: string, id: number, lost: ReadonlySet<number>, stop = false): string =>
  status !== 'running' ? status : lost.has(id) ? 'cut off' : stop ? 'stopping' : status

export function Status({ of }: { of: string }): JSX.Element {
  return (
    <span class={`status ${of.replace(' ', '-')}`}>
      <svg width="14" height="14" viewBox="0 0 16 16" aria-hidden="true" focusable="false">
        <path d={SHAPES[of] ?? SHAPES.waiting} />
      </svg>
      {of}
    </span>
  )
}
