import { expect, test, vi } from 'vitest'
import { FetchQueue } from './fetch-queue'

const settle = () => new Promise<void>((done) => setTimeout(done))

test('runs no more at once than allowed, first come first', async () => {
  const ends: (() => void)[] = []
  const begun: number[] = []
  const queue = new FetchQueue<number>(2, (key) => {
    begun.push(key)
    return new Promise((end) => ends.push(end))
  })
  for (const key of [1, 2, 3, 3, 1]) queue.add(key)
  expect(begun).toEqual([1, 2])
  ends[0]!()
  await settle()
  expect(begun).toEqual([1, 2, 3])
})

test('what is wanted now replaces what has not begun', async () => {
  const ends: (() => void)[] = []
  const begun: number[] = []
  const queue = new FetchQueue<number>(1, (key) => {
    begun.push(key)
    return new Promise((end) => ends.push(end))
  })
  queue.want([1, 2, 3])
  queue.want([9, 1])
  ends[0]!()
  await settle()
  expect(begun).toEqual([1, 9])
  expect(queue.has(2)).toBe(false)
})

test('a failed job is tried again, but not for ever', async () => {
  vi.useFakeTimers()
  let tries = 0
  const queue = new FetchQueue<number>(1, () => {
    tries++
    return Promise.reject(new Error('no'))
  }, [10, 20])
  queue.add(1)
  await vi.runAllTimersAsync()
  expect(tries).toBe(3)
  expect(queue.has(1)).toBe(false)
  vi.useRealTimers()
})

test('after stop nothing begins', async () => {
  const begun: number[] = []
  let end = () => {}
  const queue = new FetchQueue<number>(1, (key, signal) => {
    begun.push(key)
    expect(signal.aborted).toBe(false)
    return new Promise((done) => (end = done))
  })
  queue.add(1)
  queue.add(2)
  queue.stop()
  end()
  await settle()
  expect(begun).toEqual([1])
})
