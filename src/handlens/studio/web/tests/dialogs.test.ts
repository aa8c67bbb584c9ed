import { h } from 'preact'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { closeDialog, type Dialog, openDialog } from '../src/state/dialogs'

// What the page's modules ask of the browser when they are loaded.
vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined }))
vi.stubGlobal('localStorage', { getItem: () => null })
vi.stubGlobal('document', { documentElement: { dataset: {} } })
vi.stubGlobal('addEventListener', () => undefined)
const { DIALOGS, Dialogs } = await import('../src/components/dialogs/Dialogs')
const { Rename } = await import('../src/components/dialogs/LabelDialogs')

afterEach(closeDialog)

describe('the dialog that is shown', () => {
  it('is missing until one is opened', () => expect(Dialogs()).toBe(null))

  it('is that of the open kind, with what it is about', () => {
    openDialog({ kind: 'rename', name: 'front' })
    expect(Dialogs()).toMatchObject({ type: Rename, props: { name: 'front' } })
  })

  it('can be a new one: a kind and an entry, as CONTRIBUTING.md says', () => {
    const Hello = ({ to }: { to: string }) => h('p', null, `Hello, ${to}`)
    Object.assign(DIALOGS, { hello: ({ to }: { to: string }) => h(Hello, { to }) })
    openDialog({ kind: 'hello', to: 'Ann' } as unknown as Dialog)
    expect(Dialogs()).toMatchObject({ type: Hello, props: { to: 'Ann' } })
  })
})
