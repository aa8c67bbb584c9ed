import { beforeEach, describe, expect, it } from 'vitest'
import { attempt, dismiss, messages, say } from '../src/state/messages'

const fail = (text: string) => () => Promise.reject(new Error(text))
const texts = (): string[] => messages.value.map((m) => m.text)

beforeEach(() => {
  for (const { id } of messages.value) dismiss(id)
})

describe('what failed', () => {
  it('is said until it is tried again, whichever way that ends', async () => {
    say('Saved.', 'note', [{ name: 'Undo', run: () => undefined }])
    await attempt(fail('No labels.'), 'Could not train: ')
    await attempt(fail('Disk full.'), 'Could not save: ')
    expect(texts()).toEqual(['Saved.', 'Could not train: No labels.', 'Could not save: Disk full.'])
    await attempt(fail('One label.'), 'Could not train: ')
    expect(texts()).toEqual(['Saved.', 'Could not save: Disk full.', 'Could not train: One label.'])
    expect(await attempt(() => Promise.resolve(), 'Could not train: ')).toBe(true)
    expect(texts()).toEqual(['Saved.', 'Could not save: Disk full.'])
  })
  it('leaves other messages where it has no prefix', async () => {
    await attempt(fail('No labels.'), 'Could not train: ')
    await attempt(() => Promise.resolve())
    expect(texts()).toEqual(['Could not train: No labels.'])
  })
})
