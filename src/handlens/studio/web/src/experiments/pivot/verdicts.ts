// How a cell compares with the baseline, in words and by a mark.

import type { Verdict } from '../server'

export const VERDICTS: Record<Verdict, { text: string; mark: string; kind: string }> = {
  better: { text: 'better than the baseline', mark: '▲', kind: 'better' },
  worse: { text: 'worse than the baseline', mark: '▼', kind: 'worse' },
  'chance could explain it': { text: 'chance could explain it', mark: '≈', kind: 'chance' },
  'too few runs': { text: 'too few runs to tell', mark: '…', kind: 'few' },
  baseline: { text: 'baseline', mark: '◆', kind: 'chance' },
}
