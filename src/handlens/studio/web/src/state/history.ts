// How the accuracy changed from one trained model to the next.

import type { HistoryPoint } from '../server/types'
import { api } from './collection'
import { owned } from './owned'

const [history, setHistory] = owned<readonly HistoryPoint[]>([])

export { history }

/** Fetches the trained models; without them the panel only lacks its chart. */
export const loadHistory = (): Promise<void> => api.history().then(setHistory, () => undefined)
