// Icons drawn with one stroke on a 20 × 20 grid.

import type { JSX } from 'preact'

const PATHS = {
  home: 'M3 9.5 10 4l7 5.5M5 8.5V16h10V8.5',
  left: 'M12.5 4.5 7 10l5.5 5.5',
  right: 'M7.5 4.5 13 10l-5.5 5.5',
  up: 'M4.5 12.5 10 7l5.5 5.5',
  down: 'M4.5 7.5 10 13l5.5-5.5',
  plus: 'M10 4v12M4 10h12',
  minus: 'M4 10h12',
  fit: 'M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4',
  pan: 'M10 3v14M3 10h14M10 3 8 5M10 3l2 2M10 17l-2-2M10 17l2-2M3 10l2-2M3 10l2 2M17 10l-2-2M17 10l-2 2',
  lasso:
    'M6.5 13.5C4 12.700 3 11 3 9c0-3 3-5 7-5s7 2 7 4.800S14 13.500 10 13.500c-1.500 0-2.500.500-2.500 1.700S6.500 17 5 16.500',
  box: 'M4 4h2.500M8.700 4h2.600M13.500 4H16v2.500M16 8.700v2.600M16 13.500V16h-2.500M11.300 16H8.700M6.500 16H4v-2.500M4 11.300V8.700M4 6.500V4',
  undo: 'M7 5 3.500 8.500 7 12M4 8.500h8a4 4 0 0 1 0 8H9',
  redo: 'M13 5l3.500 3.500L13 12M16 8.500H8a4 4 0 0 0 0 8h3',
  similar: 'M8.500 14a5.500 5.500 0 1 1 0-11 5.500 5.500 0 0 1 0 11ZM12.700 12.700 17 17M6 8.500h5M8.500 6v5',
  grid: 'M4 4h5v5H4zM11 4h5v5h-5zM4 11h5v5H4zM11 11h5v5h-5z',
  kernel: 'M3.500 3.500h13v13h-13zM3.500 7.800h13M3.500 12.200h13M7.800 3.500v13M12.200 3.500v13',
  close: 'M5 5l10 10M15 5 5 15',
  help: 'M7.500 7.500A2.500 2.500 0 0 1 10 5.200c1.400 0 2.500 1 2.500 2.300C12.500 9.300 10 9.500 10 11.500M10 14.500v.4',
  sun: 'M10 13a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM10 2.500v1.700M10 15.800v1.700M2.500 10h1.700M15.800 10h1.700M4.700 4.700l1.200 1.200M14.100 14.100l1.200 1.200M15.300 4.700l-1.200 1.200M5.900 14.100l-1.200 1.200',
  moon: 'M16 11.500A6.500 6.500 0 0 1 8.500 4 6.500 6.500 0 1 0 16 11.500Z',
  take: 'M10 3v9M6.500 9 10 12.500 13.500 9M4 16.500h12',
  layers: 'M10 3.500 3 7l7 3.500L17 7zM3 10.200l7 3.500 7-3.500M3 13.300l7 3.500 7-3.500',
  tag: 'M3.500 9.500V4h5.500l7.500 7.500-5.500 5.500zM6.700 7.100v.1',
  more: 'M4.500 10h.4M10 10h.4M15.500 10h.4',
  warn: 'M10 3.500 17.500 16h-15zM10 8.500v3.500M10 14v.3',
  check: 'M4 10.500 8.200 14.700 16 6',
  wide: 'M3.500 5v10M16.500 5v10M6 10h8M6 10l2-2M6 10l2 2M14 10l-2-2M14 10l-2 2',
  map: 'M6 6h.5M13 5h.5M9 10h.5M14.500 11h.5M5 14h.5M11 15h.5',
  folder: 'M3 5.500h5l1.500 2H17v8H3z',
  upload: 'M10 13V4M6.500 7.500 10 4l3.500 3.500M4 16.500h12',
  excluded: 'M10 16.500a6.500 6.500 0 1 0 0-13 6.500 6.500 0 0 0 0 13ZM5.500 14.500l9-9',
  all: 'M4 4h12v12H4zM7 10.200l2.200 2.300L13.200 7.500',
  bin: 'M4 5.500h12M8 5.500V3.500h4v2M5.500 5.500l.7 11h7.600l.7-11M8.500 8.500v5M11.500 8.500v5',
  spread:
    'M3.500 3.500h3v3h-3zM8.500 3.500h3v3h-3zM13.500 3.500h3v3h-3zM3.500 8.500h3v3h-3zM8.500 8.500h3v3h-3zM13.500 8.500h3v3h-3zM3.500 13.500h3v3h-3zM8.500 13.500h3v3h-3zM13.500 13.500h3v3h-3z',
  filter: 'M3.500 4.500h13l-5 6v5l-3-1.500v-3.500z',
  fade: 'M10 16.500a6.500 6.500 0 1 0 0-13ZM10 16.500a6.500 6.500 0 0 1 0-13',
} as const

export type IconName = keyof typeof PATHS

export function Icon({ name, size = 20 }: { name: IconName; size?: number }): JSX.Element {
  const dots = name === 'more' || name === 'map'
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        stroke-width={dots ? 2.4 : 1.5}
        stroke-linecap="round"
        stroke-linejoin="round"
      />
      {name === 'fade' && <path d="M10 3.500a6.500 6.500 0 0 1 0 13Z" fill="currentColor" />}
    </svg>
  )
}
