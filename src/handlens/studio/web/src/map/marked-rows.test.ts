import { expect, test } from 'vitest'
import { MarkedRows } from './marked-rows'

const order = Int32Array.of(4, 2, 0, 1, 3)
const rowOf = (id: number): number => order.indexOf(id)

test('rows come and go with the marks of their photos', () => {
  const marked = new MarkedRows(order)
  expect([...marked.rows]).toEqual([])
  const marks = Int16Array.of(-1, 0, 3, -1, -1)
  marked.update(marks, rowOf)
  expect([...marked.rows]).toEqual([1, 3])
  marks[4] = 0 // the same array
  marks[2] = -1
  marks[3] = 7
  marked.update(marks, rowOf)
  expect([...marked.rows]).toEqual([0, 3, 4])
  marks[1] = 5
  marked.update(marks, rowOf)
  expect([...marked.rows]).toEqual([0, 3, 4])
  marked.update(new Int16Array(5).fill(-1), rowOf)
  expect([...marked.rows]).toEqual([])
})

test('many changes at once lead to the same rows', () => {
  const many = Int32Array.from({ length: 50_000 }, (_, row) => (row * 7) % 50_000)
  const row = new Int32Array(50_000)
  for (const [at, id] of many.entries()) row[id] = at
  const marked = new MarkedRows(many)
  const marks = new Int16Array(50_000)
  marked.update(marks, (id) => row[id]!)
  expect(marked.rows).toEqual(Int32Array.from({ length: 50_000 }, (_, at) => at))
  marks.fill(-1, 100)
  marked.update(marks, (id) => row[id]!)
  expect([...marked.rows]).toEqual(Array.from({ length: 100 }, (_, id) => row[id]!).sort((a, b) => a - b))
})
