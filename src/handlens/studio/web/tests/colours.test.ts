import { beforeEach, describe, expect, it, vi } from 'vitest'
import { contrast, type Rgb } from '../src/colour/contrast'
import { rgbOf } from '../src/colour/palette'
import { oklab, rampCss, rampOf } from '../src/colour/ramp'
import { BACKGROUNDS } from '../src/map/background'
import { CollectionApi } from '../src/server/api'
import type { Column } from '../src/server/types'
import { setApi } from '../src/state/collection'
import { attachCsv, columnNames, columns, detachCsv, loadColumn, loadColumnNames } from '../src/state/columns'
import { openLabels } from '../src/state/labels'
import { named } from './made'

vi.stubGlobal('matchMedia', () => ({ matches: false, addEventListener: () => undefined }))
vi.stubGlobal('localStorage', { getItem: () => null })
vi.stubGlobal('document', { documentElement: { dataset: {} } })
const { choices, colourBy, coloured, OTHERS, shownColouring } = await import('../src/state/colours')
const { theme } = await import('../src/state/theme')
const { loadPredictions } = await import('../src/state/model')

describe.each(['dark', 'light'] as const)('the scale of the %s page', (page) => {
  const steps = Array.from({ length: 11 }, (_, i) => rampOf(i / 10, page))
  const labs = steps.map((step) => oklab(step))
  it('has steps that look equal', () => {
    const apart = labs.slice(1).map((lab, i) => Math.hypot(...lab.map((v, k) => v - labs[i]![k]!)))
    const mean = apart.reduce((sum, v) => sum + v, 0) / apart.length
    for (const step of apart) expect(Math.abs(step / mean - 1)).toBeLessThan(0.1)
  })
  it('grows lighter at each step, for every colour vision', () => {
    for (let i = 1; i < labs.length; i++) expect(labs[i]![0]! - labs[i - 1]![0]!).toBeGreaterThan(0.02)
  })
  it('stands out on the map', () => {
    const ground = BACKGROUNDS[page].map((v) => 255 * v) as unknown as Rgb
    for (const step of steps) expect(contrast(step, ground)).toBeGreaterThanOrEqual(3)
  })
  it('ends where it should, and beyond its ends stays there', () => {
    expect(rampOf(-1, page)).toEqual(rampOf(0, page))
    expect(rampOf(2, page)).toEqual(rampOf(1, page))
    expect(rampCss(page)).toContain(`rgb(${rampOf(1, page).join(' ')})`)
  })
})

const api = new CollectionApi('c')

/** Attaches columns and fetches them. */
async function attach(all: Record<string, Column>): Promise<void> {
  api.attributes = async () => ({ name: JSON.stringify(all), columns: Object.keys(all) }) as never
  api.column = async (name) => all[name]!
  await loadColumnNames()
  for (const name of Object.keys(all)) await loadColumn(name)
}

describe('coloured', () => {
  beforeEach(() => {
    setApi(api)
    openLabels(named(1, [0, 1, -1, 0], 'car', 'van'))
    colourBy({ by: 'label' })
  })
  it('is by label at first', () => {
    expect(Array.from(coloured.value.marks)).toEqual([0, 1, -1, 0])
    expect(Array.from(coloured.value.rgb.subarray(3, 6))).toEqual(rgbOf(1, theme.value))
    expect(coloured.value.entries).toEqual([
      { name: 'car', mark: 0, count: 2 },
      { name: 'van', mark: 1, count: 1 },
    ])
    expect(coloured.value.without).toBe(1)
  })
  it('stays by label where there is no model', () => {
    colourBy({ by: 'sureness' })
    expect(shownColouring.value).toEqual({ by: 'label' })
    expect(choices.value.map(({ name, needs }) => [name, needs])).toEqual([
      ['Label', null],
      ['Prediction', 'train first'],
      ['Sureness', 'train first'],
    ])
  })
  it('is by prediction, in the colours of the labels, and by sureness', async () => {
    api.predictions = async () => ({
      version: '1',
      names: ['van', 'gone', 'car'],
      codes: Int16Array.of(0, 1, -1, 2),
      probability: Float32Array.of(0.5, 1, 0, 0),
    })
    await loadPredictions()
    colourBy({ by: 'prediction' })
    expect(Array.from(coloured.value.marks)).toEqual([1, OTHERS, -1, 0])
    expect(coloured.value.entries!.map(({ name, mark }) => [name, mark])).toEqual([
      ['van', 1],
      ['gone', -1],
      ['car', 0],
    ])
    colourBy({ by: 'sureness' })
    expect(Array.from(coloured.value.marks)).toEqual([0, 0, -1, 0])
    expect(Array.from(coloured.value.rgb.subarray(3, 6))).toEqual(rampOf(1, theme.value))
    expect(Array.from(coloured.value.rgb.subarray(9, 12))).toEqual(rampOf(0, theme.value))
    expect(coloured.value.scale).toEqual(['0 %', '100 %'])
    expect(coloured.value.without).toBe(1)
  })
  it('is by a column of numbers, on a scale', async () => {
    await attach({ year: { kind: 'numbers', values: Float32Array.of(2010, NaN, 2020, 2015) } })
    colourBy({ by: 'column', column: 'year' })
    const { rgb, marks, scale, without } = coloured.value
    expect(Array.from(marks)).toEqual([0, -1, 0, 0])
    expect(Array.from(rgb.subarray(0, 3))).toEqual(rampOf(0, theme.value))
    expect(Array.from(rgb.subarray(6, 9))).toEqual(rampOf(1, theme.value))
    expect(scale).toEqual(['2010', '2020'])
    await attach({ share: { kind: 'numbers', values: Float32Array.of(0.1, 0.7, 1 / 3, -12345678) } })
    colourBy({ by: 'column', column: 'share' })
    expect(coloured.value.scale).toEqual(['-12345700', '0.7'])
    expect(without).toBe(1)
  })
  it('gives the ten most frequent values colours, and the others one', async () => {
    const values = Array.from({ length: 12 }, (_, i) => `value ${i}`)
    await attach({ camera: { kind: 'text', values, codes: Int32Array.of(0, 9, 10, 11) } })
    colourBy({ by: 'column', column: 'camera' })
    expect(Array.from(coloured.value.marks)).toEqual([0, 9, OTHERS, OTHERS])
    expect(coloured.value.entries).toHaveLength(11)
    expect(coloured.value.entries!.at(-1)).toEqual({ name: '2 other values', mark: -1, count: 2 })
  })
  it('is by the file that was attached last, though it has the same columns', async () => {
    const of = (...codes: number[]): Column => ({ kind: 'text', values: ['a', 'b'], codes: Int32Array.from(codes) })
    await attach({ camera: of(0, 1, -1, -1) })
    colourBy({ by: 'column', column: 'camera' })
    expect(Array.from(coloured.value.marks)).toEqual([0, 1, -1, -1])
    const found = (await api.attributes())!
    api.attach = () => Promise.resolve(found)
    let answer: (column: Column) => void = () => undefined
    api.column = () => new Promise((resolve) => (answer = resolve))
    await attachCsv(new File([], 'cameras.csv'))
    const late = answer
    await attachCsv(new File([], 'cameras.csv'))
    answer(of(1, 1, 0, 0))
    await vi.waitFor(() => expect(Array.from(coloured.value.marks)).toEqual([1, 1, 0, 0]))
    late(of(0, 0, 0, 0))
    await Promise.resolve()
    expect(Array.from(coloured.value.marks)).toEqual([1, 1, 0, 0])
    api.detach = () => Promise.resolve(undefined)
    await detachCsv()
    expect(shownColouring.value).toEqual({ by: 'label' })
  })
  it('goes back to labels when the column is gone', async () => {
    await attach({ camera: { kind: 'text', values: ['a'], codes: Int32Array.of(0, 0, 0, -1) } })
    colourBy({ by: 'column', column: 'camera' })
    expect(coloured.value.entries!.map((entry) => entry.name)).toEqual(['a'])
    await attach({ site: { kind: 'text', values: ['b'], codes: Int32Array.of(0, 0, 0, -1) } })
    expect(shownColouring.value).toEqual({ by: 'label' })
    expect(columnNames.value).toEqual(['site'])
    expect([...columns.value.keys()]).toEqual(['site'])
  })
})
