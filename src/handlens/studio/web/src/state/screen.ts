// Wide screens show all panels side by side; narrow ones (a phone) show one sheet at a time.

import { signal } from '@preact/signals'

const query = matchMedia('(max-width: 760px)')
export const isNarrow = signal(query.matches)
query.addEventListener('change', () => (isNarrow.value = query.matches))

export type Sheet = 'map' | 'layers' | 'labels' | 'more'
export const sheet = signal<Sheet>('map')
