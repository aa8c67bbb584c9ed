import { h } from 'preact'
import { describe, expect, it } from 'vitest'
import { FindLabel } from '../src/components/FindLabel'
import { matching } from '../src/state/labels'
import { named } from './made'
import { elementsOf, textOf } from './vnode'

const { names } = named(1, [], 'fire lily', 'tiger lily', 'rose')

function field(text: string): { said: string; press: () => string[] } {
  const taken: string[] = []
  const shown = h(FindLabel, {
    text,
    found: matching(names, text),
    onText: () => undefined,
    onTake: (name: string) => taken.push(name),
  })
  const form = elementsOf(shown).find((e) => e.type === 'form')!
  const press = (): string[] => {
    const submit = form.props.onSubmit as (event: { preventDefault: () => void }) => void
    submit({ preventDefault: () => undefined })
    return taken
  }
  return { said: textOf(shown), press }
}

describe('the field that finds a label', () => {
  it('takes the first label that matches, and says before which it is', () => {
    const { said, press } = field('lil')
    expect(said).toBe('Enter: fire lily')
    expect(press()).toEqual(['fire lily'])
    expect(field('tig').press()).toEqual(['tiger lily'])
  })

  it('takes none where nothing is typed, or nothing matches', () => {
    expect(field(' ').said).toBe('')
    expect(field(' ').press()).toEqual([])
    expect(field('lilac').said).toBe('No label has this in its name.')
    expect(field('lilac').press()).toEqual([])
  })
})
