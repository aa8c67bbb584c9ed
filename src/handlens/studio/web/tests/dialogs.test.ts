import { h } from 'preact'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { replaceCollection } from '../src/state/collection'
import { closeDialog, type Dialog, openDialog } from '../src/state/dialogs'
import { openLabels } from '../src/state/labels'
import { collection, named, spotCheck } from './made'
import { textOf } from './vnode'

// What the page's modules ask of the browser when they are loaded.
vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined }))
vi.stubGlobal('localStorage', { getItem: () => null })
vi.stubGlobal('document', { documentElement: { dataset: {} } })
vi.stubGlobal('addEventListener', () => undefined)
const { DIALOGS, Dialogs } = await import('../src/components/dialogs/Dialogs')
const { Delete, Rename } = await import('../src/components/dialogs/LabelDialogs')

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

describe('deleting a label', () => {
  const body = () => textOf((Delete({ name: 'front' }) as unknown as { props: { children: never } }).props.children)
  it('says how many photos lose it', () => {
    replaceCollection(collection())
    openLabels(named(1, [0, 1, 0, -1, -1, 1], 'front', 'rear'))
    expect(body()).toBe('2 photos will have no label again. Undo brings them back.')
  })
  it('says that checked photos are asked again', () => {
    replaceCollection(collection({ spot_check: spotCheck({ answered: 2 }) }))
    openLabels(named(1, [0, 1, -1, -1, -1, 1], 'front', 'rear'))
    expect(body()).toBe(
      '1 photo will have no label again. Undo brings it back.' +
        'Photos that you called front in the spot check are asked again, and until then the check has no number.',
    )
  })
})
