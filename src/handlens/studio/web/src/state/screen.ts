// Wide screens show all panels side by side; narrow ones (a phone) show one sheet at a time.

import { owned } from './owned'

const query = matchMedia('(max-width: 900px)')
const [isNarrow, setIsNarrow] = owned(query.matches)

export { isNarrow }

query.addEventListener('change', () => setIsNarrow(query.matches))

export type Sheet = 'map' | 'layers' | 'labels' | 'more'
export const [sheet, setSheet] = owned<Sheet>('map')
