import { afterEach, describe, expect, it, vi } from 'vitest'
import { CollectionApi } from '../src/server/api'
import { ApiError, address, call } from '../src/server/http'

function answering(body: BodyInit | null, init: ResponseInit): ReturnType<typeof vi.fn> {
  const fetch = vi.fn(async () => new Response(body, init))
  vi.stubGlobal('fetch', fetch)
  return fetch
}
const JSON_HEADERS = { 'Content-Type': 'application/json' }

afterEach(() => vi.unstubAllGlobals())

describe('call', () => {
  it('puts parameters in the path, the rest in the query, and sends JSON', async () => {
    const fetch = answering('{"layer":"a","projection":"separate","score":null}', { headers: JSON_HEADERS })
    const best = await call('post', '/api/collections/{c}/separate', { c: 'a b' }, { names: ['x', 'y'] })
    expect(best.score).toBeNull()
    expect(fetch).toHaveBeenCalledWith('/api/collections/a%20b/separate', {
      method: 'POST',
      body: '{"names":["x","y"]}',
      headers: JSON_HEADERS,
    })
    expect(address('/api/collections/{c}/subgroups', { c: 'a', by: ['x y', 'z'] })).toBe(
      '/api/collections/a/subgroups?by=x+y&by=z',
    )
    expect(address('/api/collections/{c}/photos/{id}/thumb', { c: 'a', id: 7 })).toBe(
      '/api/collections/a/photos/7/thumb',
    )
  })

  it('sends a file as it is', async () => {
    const fetch = answering('{"path":"a/b.jpg"}', { headers: JSON_HEADERS })
    const file = new Blob(['x'])
    await call('put', '/api/uploads/{upload}/photo', { upload: 'u', path: 'a/b.jpg' }, file)
    expect(fetch).toHaveBeenCalledWith('/api/uploads/u/photo?path=a%2Fb.jpg', {
      method: 'PUT',
      body: file,
      headers: {},
    })
  })

  it('answers undefined where there is nothing, and a Blob where there is no JSON', async () => {
    answering(null, { status: 204 })
    expect(await call('delete', '/api/collections/{c}', { c: 'a' })).toBeUndefined()
    answering(new Float32Array([1, 2]), { headers: { 'Content-Type': 'application/octet-stream' } })
    expect(await new CollectionApi('a').map('l', 'p')).toEqual(new Float32Array([1, 2]))
  })

  it('fails with the server’s sentence, or one of its own', async () => {
    answering('{"error":"There is no label x."}', { status: 404, headers: JSON_HEADERS })
    await expect(call('get', '/api/studio', {})).rejects.toEqual(new ApiError('There is no label x.', 404))
    answering('<html>', { status: 502, statusText: 'Bad Gateway' })
    await expect(call('get', '/api/studio', {})).rejects.toThrow('Studio answered with an error (502 Bad Gateway).')
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('refused')))
    await expect(call('get', '/api/studio', {})).rejects.toMatchObject({ status: 0 })
  })
})

// Never called: `tsc` fails if one of these compiles.
export const wrong = [
  // @ts-expect-error there is no such path
  () => call('get', '/api/collection', {}),
  // @ts-expect-error the path has no such method
  () => call('delete', '/api/studio', {}),
  // @ts-expect-error a parameter is missing
  () => call('get', '/api/collections/{c}/map', { c: 'a', layer: 'l' }),
  // @ts-expect-error a parameter is of another type
  () => address('/api/collections/{c}/photos/{id}/thumb', { c: 'a', id: 'first' }),
  // @ts-expect-error the body is missing
  () => call('post', '/api/collections/{c}/separate', { c: 'a' }),
  // @ts-expect-error the body has no such field
  () => call('post', '/api/collections/{c}/separate', { c: 'a' }, { name: ['x'] }),
  // @ts-expect-error the field takes other values
  () => call('put', '/api/collections/{c}/model', { c: 'a' }, { kind: 'slow' }),
  // @ts-expect-error the answer has no such field
  async () => (await call('get', '/api/studio', {})).colections,
]
