// Dark or light: the person's choice, else the system's. Kept in this browser, for all collections.

import { computed, effect, signal } from '@preact/signals'

export type Theme = 'dark' | 'light'

const system = matchMedia('(prefers-color-scheme: light)')
const stored = localStorage.getItem('handlens-theme')
const chosen = signal<Theme | null>(stored === 'dark' || stored === 'light' ? stored : null)
const systemTheme = signal<Theme>(system.matches ? 'light' : 'dark')
system.addEventListener('change', () => (systemTheme.value = system.matches ? 'light' : 'dark'))

export const theme = computed<Theme>(() => chosen.value ?? systemTheme.value)

export const isDark = (): boolean => theme.value === 'dark'

export function toggleTheme(): void {
  chosen.value = isDark() ? 'light' : 'dark'
  localStorage.setItem('handlens-theme', chosen.value)
}

effect(() => {
  document.documentElement.dataset.theme = theme.value
})
