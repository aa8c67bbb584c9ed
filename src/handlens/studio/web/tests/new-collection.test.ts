import { beforeEach, expect, it, vi } from 'vitest'
import type { StudioInfo } from '../src/server/types'

let draft: typeof import('../src/components/new-collection/draft')
beforeEach(async () => {
  vi.resetModules()
  draft = await import('../src/components/new-collection/draft')
})

const network = (name: string) => ({ name, title: name, megabytes: 9, cached: false })
const begin = (preset: Partial<StudioInfo['preset']>): void =>
  draft.beginWith({
    backbones: [network('one'), network('two')],
    preset: { backbones: ['auto'], own_features: false, weights: {}, ...preset },
  })
const wanted = (backbones: string[], own_features = false, weights = {}) => ({ backbones, own_features, weights })

it('begins with what is chosen by the photos', () => {
  begin({})
  expect(draft.wantedSources()).toEqual(wanted(['auto']))
  expect(draft.automatic.value).toBe(true)
})

it('begins, once, with the networks, weights and learned features that Studio was started with', () => {
  const weights = { two: '/w/two.safetensors', 'resnet18.tv': '/w/18.safetensors' }
  begin({ backbones: ['two', 'resnet18.tv'], own_features: true, weights })
  expect(draft.wantedSources()).toEqual(wanted(['two', 'resnet18.tv'], true, weights))
  expect([draft.automatic.value, [...draft.chosenNets.value], draft.otherNets.value]).toEqual([
    false,
    ['two'],
    ['resnet18.tv', ''],
  ])
  draft.chooseNets([])
  begin({ backbones: ['one'] })
  expect(draft.wantedSources()).toEqual(wanted([], true))
})

it('takes networks by name, each once, and weights of those that are chosen only', () => {
  begin({})
  draft.chooseNet('one', true)
  draft.typeNet(0, 'three')
  expect(draft.otherNets.value).toEqual(['three', ''])
  draft.typeNet(1, ' one ')
  draft.typeWeights('one', ' "/w/1.safetensors" ')
  draft.typeWeights('two', '/w/2.safetensors')
  draft.typeWeights('three', '  ')
  expect(draft.wantedSources()).toEqual(wanted(['one', 'three'], false, { one: '"/w/1.safetensors"' }))
  draft.chooseAutomatic(true)
  expect(draft.wantedSources()).toEqual(wanted(['auto']))
  expect(draft.otherNets.value).toEqual([''])
})

it('says what is missing once the last network is taken away', () => {
  begin({ backbones: ['three'] })
  draft.setPath('/photos')
  expect(draft.missing.value).toBe(null)
  draft.typeNet(0, ' ')
  expect(draft.missing.value).toBe('Choose what to compare the photos by.')
})
