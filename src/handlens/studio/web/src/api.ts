// Every call to the server, typed. A failure is an ApiError whose message is a plain sentence.

import { float32s, int16s, int32s, packMask } from './codec'
import type {
  CollectionState,
  HeatMap,
  Labels,
  ModelKind,
  Photos,
  Predictions,
  Ranked,
  Report,
  Scores,
  StudioInfo,
  View,
} from './types'

export class ApiError extends Error {
  constructor(
    message: string,
    /** HTTP status; 0 when the server could not be reached */
    readonly status: number,
  ) {
    super(message)
  }
}

export async function request(method: string, path: string, body?: unknown): Promise<Response> {
  const raw = body instanceof Blob
  let response: Response
  try {
    response = await fetch(path, {
      method,
      body: body === undefined ? undefined : raw ? body : JSON.stringify(body),
      headers: body === undefined || raw ? {} : { 'Content-Type': 'application/json' },
    })
  } catch {
    throw new ApiError('Studio does not answer: is it still running in its terminal?', 0)
  }
  if (!response.ok) throw new ApiError(await sentence(response), response.status)
  return response
}

async function sentence(response: Response): Promise<string> {
  const text = await response.text().catch(() => '')
  try {
    const said = JSON.parse(text) as { error?: unknown }
    if (typeof said.error === 'string') return said.error
  } catch {
    // Not JSON: nothing of ours answered; the status says more than its body.
  }
  return `Studio answered with an error (${response.status} ${response.statusText}).`
}

export async function json<T>(method: string, path: string, body?: unknown): Promise<T> {
  return (await (await request(method, path, body)).json()) as T
}

interface RawLabels extends Omit<Labels, 'codes'> {
  codes: string
}
interface RawPhotos extends Omit<Photos, 'order' | 'aspect'> {
  order: string
  aspect: string
}
interface RawRanked {
  ids: string
  distances: string
}
interface RawPredictions extends Omit<Predictions, 'codes' | 'probability'> {
  codes: string
  probability: string
}

export const decodeLabels = (raw: RawLabels): Labels => ({ ...raw, codes: int16s(raw.codes) })

const decodeRanked = (raw: RawRanked): Ranked => ({
  ids: int32s(raw.ids),
  distances: float32s(raw.distances),
})

/** What the event stream says. */
export type ServerEvent =
  | { kind: 'state'; state: CollectionState }
  | { kind: 'labels'; labels: Labels }
  | { kind: 'maps'; version: number; prepared: number }
  | { kind: 'projection'; layer: string; projection: string; done: number; total: number }
  | { kind: 'predictions'; version: string }

export function decodeEvent(data: string): ServerEvent {
  const event = JSON.parse(data) as ServerEvent | { kind: 'labels'; labels: RawLabels }
  if (event.kind === 'labels') return { kind: 'labels', labels: decodeLabels(event.labels as RawLabels) }
  return event
}

export interface NewCollection {
  name?: string
  source: { kind: 'path'; path: string } | { kind: 'upload'; upload: string } | { kind: 'builtin'; name: string }
  backbones: string[]
  own_features: boolean
}

/** The home screen's calls. */
export const home = {
  studio: () => json<StudioInfo>('GET', '/api/studio'),
  create: (what: NewCollection) => json<{ id: string }>('POST', '/api/collections', what),
  forget: (id: string) => request('DELETE', `/api/collections/${encodeURIComponent(id)}`),
  startUpload: async () => (await json<{ upload: string }>('POST', '/api/uploads', {})).upload,
  uploadPhoto: (upload: string, path: string, file: Blob) =>
    request('PUT', `/api/uploads/${upload}/photo?path=${encodeURIComponent(path)}`, new Blob([file])),
  uploadZip: (upload: string, file: Blob) =>
    json<{ count: number; left_out: { path: string; reason: string }[] }>(
      'PUT',
      `/api/uploads/${upload}/zip`,
      new Blob([file]),
    ),
}

/** The calls about one collection. */
export class CollectionApi {
  readonly base: string

  constructor(readonly id: string) {
    this.base = `/api/collections/${encodeURIComponent(id)}`
  }

  state = (): Promise<CollectionState> => json('GET', this.base)
  prepare = (): Promise<CollectionState> => json('POST', `${this.base}/prepare`)
  cancel = (): Promise<CollectionState> => json('DELETE', `${this.base}/prepare`)
  addSource = (backbone: string | null): Promise<CollectionState> =>
    json('POST', `${this.base}/sources`, { backbone })

  async photos(): Promise<Photos> {
    const raw = await json<RawPhotos>('GET', `${this.base}/photos`)
    return { ...raw, order: int32s(raw.order), aspect: float32s(raw.aspect) }
  }

  /** float32 [N, 2] by id, NaN where not prepared yet */
  async map(layer: string, projection: string): Promise<Float32Array> {
    const query = new URLSearchParams({ layer, projection })
    const response = await request('GET', `${this.base}/map?${query}`)
    return new Float32Array(await response.arrayBuffer())
  }

  labels = async (): Promise<Labels> => decodeLabels(await json('GET', `${this.base}/labels`))

  private async change(what: string, body: unknown = {}): Promise<Labels> {
    return decodeLabels(await json('POST', `${this.base}/${what}`, body))
  }
  assign = (mask: Uint8Array, name: string) => this.change('labels/assign', { selection: packMask(mask), name })
  remove = (mask: Uint8Array) => this.change('labels/remove', { selection: packMask(mask) })
  rename = (name: string, to: string) => this.change('labels/rename', { name, to })
  merge = (names: string[], into: string) => this.change('labels/merge', { names, into })
  delete = (name: string) => this.change('labels/delete', { name })
  undo = () => this.change('undo')
  redo = () => this.change('redo')

  async similar(mask: Uint8Array, layer: string, projection: string): Promise<Ranked> {
    return decodeRanked(
      await json('POST', `${this.base}/similar`, { selection: packMask(mask), layer, projection }),
    )
  }

  /** The selected photos, farthest from the centre of the selection first. */
  async spread(mask: Uint8Array, layer: string, projection: string): Promise<Ranked> {
    return decodeRanked(
      await json('POST', `${this.base}/spread`, { selection: packMask(mask), layer, projection }),
    )
  }

  separate = (names: string[]): Promise<{ layer: string; projection: string; score: number | null }> =>
    json('POST', `${this.base}/separate`, { names })
  scores = (): Promise<Scores> => json('GET', `${this.base}/scores`)
  train = (): Promise<Report> => json('POST', `${this.base}/train`)

  fineTune = (backbone: string, minutes: number): Promise<CollectionState> =>
    json('POST', `${this.base}/fine-tune`, { backbone, minutes })
  cancelFineTuning = (): Promise<CollectionState> => json('DELETE', `${this.base}/fine-tune`)
  useModel = (kind: ModelKind): Promise<CollectionState> => json('PUT', `${this.base}/model`, { kind })
  /** `version` names the model, so that the browser keeps what one model said apart from what another does. */
  heatMap = (id: number, label: string, version: string): Promise<HeatMap> =>
    json('GET', `${this.base}/photos/${id}/heatmap?${new URLSearchParams({ label, version })}`)

  async predictions(): Promise<Predictions> {
    const raw = await json<RawPredictions>('GET', `${this.base}/predictions`)
    return { ...raw, codes: int16s(raw.codes), probability: float32s(raw.probability) }
  }

  async saveView(view: View): Promise<void> {
    await request('PUT', `${this.base}/view`, view)
  }
  /** For when the page is going away: the browser finishes the request without it. */
  saveViewOnLeaving(view: View): void {
    void fetch(`${this.base}/view`, {
      method: 'PUT',
      body: JSON.stringify(view),
      headers: { 'Content-Type': 'application/json' },
      keepalive: true,
    }).catch(() => undefined)
  }

  /** A photo within 256 × 256. */
  smallPicture = async (id: number): Promise<Blob> => (await request('GET', this.thumb(id))).blob()

  file = (name: string): string => `${this.base}/export/${name}`
  events = (): string => `${this.base}/events`
  sheet = (k: number, n: number): string => `${this.base}/sheets/${k}?n=${n}`
  thumb = (id: number): string => `${this.base}/photos/${id}/thumb`
  picture = (id: number): string => `${this.base}/photos/${id}/view`
}
