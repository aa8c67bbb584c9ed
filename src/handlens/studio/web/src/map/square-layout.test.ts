import { expect, test } from 'vitest'
import { pixelsPerUnit } from './camera'
import {
  levelFor,
  reachFor,
  squareBounds,
  squareKey,
  squaresInView,
  stretchOf,
  stretchStep,
  within,
  zoomOf,
} from './square-layout'

const view = { width: 1280, height: 800 }

test('the four squares of level 1 share the plane', () => {
  expect(squareBounds({ z: 0, x: 0, y: 0 }, 0)).toEqual({ left: -1, right: 1, bottom: -1, top: 1 })
  expect(squareBounds({ z: 1, x: 1, y: 0 }, 1)).toEqual({ left: 0, right: 2, bottom: 0, top: 2 })
})

test('squares in view cover all of the plane that is in view, and only once', () => {
  for (let i = 0; i < 60; i++) {
    const camera = { x: Math.sin(i), y: Math.cos(3 * i), zoom: 1.5 ** (i % 15) }
    const z = levelFor(camera, view, 1, 1)
    const squares = squaresInView(camera, view, z, 1)
    expect(new Set(squares.map(squareKey)).size).toBe(squares.length)
    expect(squares.length).toBeLessThanOrEqual(80)
    const k = pixelsPerUnit(camera, view)
    for (let j = 0; j < 40; j++) {
      const x = camera.x + ((((j * 7) % 41) / 40 - 0.5) * view.width) / k
      const y = camera.y + ((((j * 13) % 37) / 36 - 0.5) * view.height) / k
      if (Math.max(Math.abs(x), Math.abs(y)) >= 2) continue
      const over = squares.filter((square) => {
        const { left, right, bottom, top } = squareBounds(square, 1)
        return x >= left && x < right && y > bottom && y <= top
      })
      expect(over.length).toBe(1)
    }
  }
})

test('at the zoom of a level its squares are drawn at their own size', () => {
  for (const z of [2, 5, 9]) {
    const camera = { x: 0, y: 0, zoom: zoomOf(z, view, 1, 2) }
    expect(levelFor(camera, view, 1, 2)).toBe(z)
    expect((4 / 2 ** z) * pixelsPerUnit(camera, view) * 2).toBeCloseTo(256, 9)
  }
})

test('a square is a part of the one above', () => {
  expect(within({ z: 3, x: 5, y: 2 }, 1)).toEqual({ square: { z: 2, x: 2, y: 1 }, part: [0.5, 0, 0.5] })
  expect(within({ z: 3, x: 7, y: 1 }, 2)).toEqual({ square: { z: 1, x: 1, y: 0 }, part: [0.75, 0.25, 0.25] })
})

test('stretches and reaches are rounded to a few', () => {
  expect([stretchStep([1, 1]), stretchStep([1.6, 1]), stretchStep([1, 2])]).toEqual([0, 3, -4])
  expect(stretchOf(4)).toEqual([2, 1])
  expect(stretchOf(-2)).toEqual([1, Math.SQRT2])
  expect(
    [null, { left: -1, right: 1, bottom: 0, top: 0.5 }, { left: -1, right: 3, bottom: 0, top: 0 }].map(reachFor),
  ).toEqual([0, 0, 2])
})
