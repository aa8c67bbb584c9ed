// Dark or light: the person's choice, else the system's. Kept in this browser, for all collections.

import { computed, effect } from '@preact/signals'
import { owned } from './owned'

export type Theme = 'dark' | 'light'

const system = matchMedia('(prefers-color-scheme: light)')
const stored = localStorage.getItem('handlens-theme')
const [chosen, setChosen] = owned<Theme | null>(stored === 'dark' || stored === 'light' ? stored : null)
const [systemTheme, setSystemTheme] = owned<Theme>(system.matches ? 'light' : 'dark')
system.addEventListener('change', () => setSystemTheme(system.matches ? 'light' : 'dark'))

export const theme = computed<Theme>(() => chosen.value ?? systemTheme.value)

export const isDark = (): boolean => theme.value === 'dark'

export function toggleTheme(): void {
  const next = isDark() ? 'light' : 'dark'
  setChosen(next)
  localStorage.setItem('handlens-theme', next)
}

effect(() => {
  document.documentElement.dataset.theme = theme.value
})
