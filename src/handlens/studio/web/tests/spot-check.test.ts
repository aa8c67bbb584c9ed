import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { CollectionApi } from '../src/server/api'
import { ApiError } from '../src/server/http'
import type { SpotCheck, SpotCheckAnswer } from '../src/server/types'
import { drawnLabels } from '../src/state/answering'
import { replaceCollection, setApi, updateCollection } from '../src/state/collection'
import { openLabels, takeLabels } from '../src/state/labels'
import {
  answer,
  answerOfKey,
  canGoBack,
  choices,
  countsText,
  drawPhotos,
  earlierAnswer,
  finished,
  goBack,
  goOn,
  keyOfChoice,
  keysMislead,
  nextPhotos,
  problem,
  progress,
  secondsLeft,
  send,
  sendOnLeaving,
  shownPhoto,
  startCheck,
  stopCheck,
  unsent,
} from '../src/state/spot-check'
import { collection, named, report, spotCheck } from './made'

const label = (name: string): SpotCheckAnswer => ({ answer: 'label', label: name })

/** A server that keeps answers as Studio's does. */
class Server {
  drawn: number[] = []
  answers = new Map<number, SpotCheckAnswer>()
  sent: [number, SpotCheckAnswer][] = []
  draws: number[] = []
  gone = new Set<number>()
  /** what the next answers fail with */
  failures: Error[] = []

  state(): SpotCheck {
    const given = [...this.answers.values()]
    return spotCheck({
      waiting: this.drawn.filter((id) => !this.answers.has(id) && !this.gone.has(id)),
      answered: given.length,
      unsure: given.filter((a) => a.answer === 'unsure').length,
      none_of_these: [...this.answers].filter(([, a]) => a.answer === 'none').map(([id]) => id),
      gone: this.gone.size,
    })
  }

  api(): CollectionApi {
    const api = new CollectionApi('c')
    api.drawSpotCheck = async (n) => {
      this.draws.push(n)
      this.drawn.push(...[5, 3, 1, 4, 0, 2].filter((id) => !this.drawn.includes(id)).slice(0, n))
      return this.state()
    }
    api.answerSpotCheck = async (photo, what) => {
      this.sent.push([photo, what])
      const failure = this.failures.shift()
      if (failure) throw failure
      this.answers.set(photo, what)
      return this.state()
    }
    api.spotCheck = async () => this.state()
    api.state = async () => collection({ spot_check: this.state(), report: report() })
    return api
  }
}

let server: Server
let api: CollectionApi
beforeEach(() => {
  vi.useFakeTimers()
  server = new Server()
  api = server.api()
  setApi(api)
  openLabels(named(1, [0, 1, -1, -1, -1, -1], 'front', 'rear'))
  replaceCollection(collection())
})
afterEach(async () => {
  await vi.runAllTimersAsync()
  stopCheck()
  vi.useRealTimers()
})

const open = async (n: number): Promise<void> => {
  await startCheck(n)
  expect(problem.value).toBe(null)
}

describe('a spot check', () => {
  it('draws photos when none waits, and shows them in the order of drawing', async () => {
    await open(3)
    expect(server.draws).toEqual([3])
    expect(shownPhoto.value).toBe(5)
    expect(nextPhotos.value).toEqual([3, 1])
    expect(progress.value).toEqual({ place: 1, total: 3, answered: 0 })
  })

  it('goes on with the photos that wait, without drawing', async () => {
    server.drawn = [5, 3, 1]
    server.answers.set(5, label('front'))
    replaceCollection(collection({ spot_check: server.state() }))
    await open(30)
    expect(server.draws).toEqual([])
    expect(shownPhoto.value).toBe(3)
    expect(progress.value).toEqual({ place: 2, total: 3, answered: 1 })
  })

  it('shows the next photo at once, before the answer has arrived', async () => {
    await open(3)
    let arrive: ((now: SpotCheck) => void) | undefined
    api.answerSpotCheck = () => new Promise((done) => (arrive = done))
    answer(label('front'))
    expect(shownPhoto.value).toBe(3)
    expect(progress.value.place).toBe(2)
    expect(unsent.value).toHaveLength(1)
    arrive!(spotCheck({ waiting: [3, 1], answered: 1 }))
    await vi.advanceTimersByTimeAsync(0)
    expect(unsent.value).toHaveLength(0)
    expect(shownPhoto.value).toBe(3)
    api.answerSpotCheck = server.api().answerSpotCheck
  })

  it('sends answers one after another, in their order', async () => {
    await open(3)
    answer(label('front'))
    answer({ answer: 'none' })
    answer({ answer: 'unsure' })
    await vi.advanceTimersByTimeAsync(0)
    expect(server.sent).toEqual([
      [5, label('front')],
      [3, { answer: 'none' }],
      [1, { answer: 'unsure' }],
    ])
    expect(finished.value).toBe(true)
    expect(shownPhoto.value).toBe(null)
    expect(countsText.value).toBe(
      '1 photo labelled; 1 none of these, which counts as a mistake of the model; 1 unsure, which does not count.',
    )
  })

  it('is not confused by an event that was sent before the answer', async () => {
    await open(3)
    const before = server.state()
    answer(label('front'))
    await vi.advanceTimersByTimeAsync(0)
    updateCollection({ spot_check: before })
    expect(shownPhoto.value).toBe(3)
  })

  it('is not confused at its end by an event that was sent before the last answer', async () => {
    await open(1)
    const before = server.state()
    answer(label('front'))
    await vi.advanceTimersByTimeAsync(0)
    expect(finished.value).toBe(true)
    updateCollection({ spot_check: before })
    expect(shownPhoto.value).toBe(null)
  })

  it('leaves out what another tab has answered', async () => {
    await open(3)
    server.answers.set(5, label('rear'))
    updateCollection({ spot_check: server.state() })
    expect(shownPhoto.value).toBe(3)
    expect(progress.value).toEqual({ place: 2, total: 3, answered: 1 })
  })

  it('asks again, at its end, for photos whose answers were undone meanwhile', async () => {
    await open(2)
    answer(label('front'))
    await vi.advanceTimersByTimeAsync(0)
    server.answers.delete(5)
    answer(label('rear'))
    await vi.advanceTimersByTimeAsync(0)
    expect(finished.value).toBe(false)
    expect(shownPhoto.value).toBe(5)
  })

  it('draws more on request', async () => {
    await open(1)
    answer(label('front'))
    await vi.advanceTimersByTimeAsync(0)
    expect(finished.value).toBe(true)
    await drawPhotos(2)
    expect(finished.value).toBe(false)
    expect(shownPhoto.value).toBe(3)
    expect(progress.value).toEqual({ place: 2, total: 3, answered: 1 })
  })

  it('does not go back to an earlier result while more photos are drawn', async () => {
    await open(1)
    answer(label('front'))
    await vi.runAllTimersAsync()
    expect(finished.value).toBe(true)
    stopCheck()
    const old = await api.state()
    let arrive = (): void => undefined
    api.state = () => new Promise((done) => (arrive = () => done(old)))
    await open(2)
    arrive()
    await vi.runAllTimersAsync()
    expect(finished.value).toBe(false)
    expect(shownPhoto.value).toBe(3)
    expect(progress.value).toEqual({ place: 2, total: 3, answered: 1 })
  })

  it('says why no photo could be drawn', async () => {
    api.drawSpotCheck = () => Promise.reject(new ApiError('Every photo is labelled.', 409))
    await startCheck(30)
    expect(problem.value).toBe('Every photo is labelled.')
    expect(shownPhoto.value).toBe(null)
  })
})

describe('an answer that does not arrive', () => {
  it('is kept, said, and sent again with those after it', async () => {
    await open(3)
    server.failures = [new ApiError('Studio does not answer.', 0)]
    answer(label('front'))
    answer(label('rear'))
    await vi.advanceTimersByTimeAsync(0)
    expect(problem.value).toBe('Studio does not answer.')
    expect(unsent.value).toHaveLength(2)
    expect(shownPhoto.value).toBe(1)
    await vi.advanceTimersByTimeAsync(3000)
    expect(unsent.value).toHaveLength(0)
    expect(problem.value).toBe(null)
    expect([...server.answers]).toEqual([
      [5, label('front')],
      [3, label('rear')],
    ])
  })

  it('can be sent again at once', async () => {
    await open(1)
    server.failures = [new ApiError('The disk is full.', 507)]
    answer(label('front'))
    await vi.advanceTimersByTimeAsync(0)
    expect(finished.value).toBe(false)
    await send()
    await vi.advanceTimersByTimeAsync(0)
    expect(server.answers.get(5)).toEqual(label('front'))
    expect(finished.value).toBe(true)
  })

  it('is sent as the page closes', async () => {
    await open(2)
    server.failures = [new ApiError('Studio does not answer.', 0)]
    answer(label('front'))
    await vi.advanceTimersByTimeAsync(0)
    const leaving: unknown[] = []
    api.answerSpotCheckOnLeaving = (photo, what) => void leaving.push([photo, what])
    sendOnLeaving()
    expect(leaving).toEqual([[5, label('front')]])
  })
})

describe('an answer that is refused', () => {
  it('brings its photo back, with the reason', async () => {
    await open(3)
    server.failures = [new ApiError('A label needs a name.', 422)]
    answer(label(' '))
    expect(shownPhoto.value).toBe(3)
    await vi.advanceTimersByTimeAsync(0)
    expect(problem.value).toBe('A label needs a name.')
    expect(shownPhoto.value).toBe(5)
    expect(unsent.value).toHaveLength(0)
    answer(label('front'))
    await vi.advanceTimersByTimeAsync(0)
    expect(problem.value).toBe(null)
  })

  it('does not bring back a photo that is gone, and loses no other answer', async () => {
    await open(3)
    server.failures = [new ApiError('That file is gone.', 409)]
    answer(label('front'))
    answer(label('rear'))
    server.gone.add(5)
    await vi.advanceTimersByTimeAsync(0)
    expect(shownPhoto.value).toBe(1)
    expect([...server.answers]).toEqual([[3, label('rear')]])
  })
})

describe('going back', () => {
  it('shows the last photo with its answer, and changes it', async () => {
    await open(3)
    expect(canGoBack.value).toBe(false)
    answer(label('front'))
    answer({ answer: 'unsure' })
    goBack()
    expect(shownPhoto.value).toBe(3)
    expect(earlierAnswer.value).toEqual({ answer: 'unsure' })
    expect(progress.value.place).toBe(2)
    goBack()
    expect(shownPhoto.value).toBe(5)
    expect(progress.value.place).toBe(1)
    expect(canGoBack.value).toBe(false)
    answer(label('rear'))
    expect(shownPhoto.value).toBe(1)
    await vi.advanceTimersByTimeAsync(0)
    expect(server.answers.get(5)).toEqual(label('rear'))
    expect(server.sent.map(([photo]) => photo)).toEqual([5, 3, 5])
  })

  it('is possible also after the check was closed, until its result is known', async () => {
    await open(2)
    answer(label('front'))
    await vi.advanceTimersByTimeAsync(0)
    stopCheck()
    await open(30)
    expect(shownPhoto.value).toBe(3)
    goBack()
    expect([shownPhoto.value, earlierAnswer.value, progress.value.place]).toEqual([5, label('front'), 1])
    answer(label('rear'))
    answer(label('rear'))
    await vi.advanceTimersByTimeAsync(0)
    expect([...server.answers]).toEqual([
      [5, label('rear')],
      [3, label('rear')],
    ])
    expect(finished.value).toBe(true)
    await drawPhotos(2)
    expect(canGoBack.value).toBe(false)
  })

  it('leaves out an answer that was undone meanwhile: its photo is asked first', async () => {
    await open(2)
    answer(label('front'))
    await vi.advanceTimersByTimeAsync(0)
    stopCheck()
    server.answers.delete(5)
    updateCollection({ spot_check: server.state() })
    await open(30)
    expect([shownPhoto.value, canGoBack.value]).toEqual([5, false])
  })

  it('goes on without a change', async () => {
    await open(3)
    answer(label('front'))
    goBack()
    goOn()
    expect(shownPhoto.value).toBe(3)
    expect(earlierAnswer.value).toBe(null)
    await vi.advanceTimersByTimeAsync(0)
    expect(server.sent).toHaveLength(1)
  })
})

describe('the maps', () => {
  it('draw new labels when the check is closed', async () => {
    await open(3)
    takeLabels(named(2, [0, 1, -1, -1, -1, 0], 'front', 'rear'))
    expect(drawnLabels.value.version).toBe(1)
    stopCheck()
    expect(drawnLabels.value.version).toBe(2)
  })
})

describe('keys', () => {
  it('are digits, then letters without those of none and unsure', () => {
    expect([0, 8, 9, 10, 22, 23, 29].map(keyOfChoice)).toEqual(['1', '9', '0', 'a', 'm', 'o', 'v'])
    expect(keyOfChoice(34)).toBe('')
    expect(answerOfKey('2')).toEqual(label('rear'))
    expect(answerOfKey('3')).toBe(null)
    expect(answerOfKey('n')).toEqual({ answer: 'none' })
    expect(answerOfKey('u')).toEqual({ answer: 'unsure' })
  })

  it('mislead where a label is called like the key of another answer', () => {
    const called = (...names: string[]): boolean => {
      openLabels(named(1, [0, 1, -1, -1, -1, -1], ...names))
      return keysMislead.value
    }
    expect(called('0', '1')).toBe(true) // 1 is the key of 0
    expect(called('1', '2')).toBe(false)
    expect(called('front', 'N')).toBe(true) // none of these
    expect(called('front', 'a')).toBe(false) // no label has that key
  })

  it('come for a new label as soon as it is typed', async () => {
    await open(3)
    answer(label('side'))
    expect(choices.value.map((l) => l.name)).toEqual(['front', 'rear', 'side'])
    expect(answerOfKey('3')).toEqual(label('side'))
  })
})

describe('the time left', () => {
  it('follows the pace of the answers, without pauses', async () => {
    await open(6)
    const clock = vi.spyOn(performance, 'now')
    for (const at of [1000, 2000, 3000, 90_000]) {
      clock.mockReturnValue(at)
      answer(label('front'))
    }
    expect(secondsLeft.value).toBe(null)
    clock.mockReturnValue(91_000)
    answer(label('front'))
    expect(secondsLeft.value).toBe(1)
  })
})
