import { expect, test } from 'vitest'
import { CameraMotion } from './camera-motion'

test('a flight ends exactly where it was sent, and says so once', () => {
  const camera = new CameraMotion()
  camera.fly({ x: 1, y: 2, zoom: 1 }, 0)
  expect(camera.target).toEqual({ x: 1, y: 2, zoom: 1 })
  expect(camera.advance(110)).toBe(false)
  expect(camera.now).toEqual({ x: 0.5, y: 1, zoom: 1 })
  expect([camera.advance(220), camera.flying, camera.advance(240)]).toEqual([true, false, false])
  expect(camera.now).toEqual({ x: 1, y: 2, zoom: 1 })
})

test('a jump ends the flight', () => {
  const camera = new CameraMotion()
  camera.fly({ x: 1, y: 2, zoom: 1 }, 0)
  camera.jump({ x: 3, y: 3, zoom: 2 })
  expect([camera.flying, camera.target.x]).toEqual([false, 3])
})
