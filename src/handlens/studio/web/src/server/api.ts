// Every call of the page to the server. Arrays in answers are decoded, and selections of photos packed.

import type { SquareLook } from '../map/types'
import { float32s, int16s, int32s, packMask, textsOf, unpackIds, unpackMask, unpackValues } from './codec'
import { address, call, callOnLeaving, type PathOf } from './http'
import type {
  CollectionState,
  Column,
  Copying,
  CostRequest,
  Crops,
  Duplicates,
  ExportRun,
  Filter,
  FoundEverywhere,
  Gesture,
  HeatMap,
  ImportOrder,
  ImportPlan,
  ImportSource,
  Kind,
  Labels,
  LabelsDelta,
  ModelKind,
  NewCollection,
  Photos,
  Predictions,
  Ranked,
  Raw,
  Report,
  SavedFilter,
  Scores,
  ServerEvent,
  SpotCheckAnswer,
  StudioInfo,
  Suspects,
  Truth,
  View,
} from './types'

/** All labels, or what has changed, of `count` photos. */
function decodeLabels({ kind: _, ...raw }: Raw['Labels'], count: number): Labels | LabelsDelta {
  return 'codes' in raw
    ? { ...raw, codes: int16s(raw.codes) }
    : { ...raw, ids: unpackIds(raw.ids, count), keys: unpackValues(raw.keys) }
}

const decodeRanked = (raw: Raw['Ranked']): Ranked => ({ ids: int32s(raw.ids), distances: float32s(raw.distances) })

const decodeFound = (raw: Raw['FoundEverywhere']): FoundEverywhere => ({
  ...raw,
  ids: Array.from(int32s(raw.ids)),
  values: float32s(raw.values),
})

const assigned = (mask: Uint8Array, name: string, gesture: Gesture, kind: Kind) => ({
  selection: packMask(mask),
  name,
  gesture,
  kind,
})

/** An event about a collection of `count` photos. */
function decodeEvent(data: string, count: number): ServerEvent {
  const event = JSON.parse(data) as Raw['Event']
  return event.kind === 'labels' ? { ...event, labels: event.labels && decodeLabels(event.labels, count) } : event
}

/** The home screen's calls. */
export const home = {
  studio: (): Promise<StudioInfo> => call('get', '/api/studio', {}),
  cost: (what: CostRequest) => call('post', '/api/cost', {}, what),
  create: (what: NewCollection) => call('post', '/api/collections', {}, what),
  copying: (): Promise<Copying[]> => call('get', '/api/copying', {}),
  cancelCopying: (c: string) => call('delete', '/api/copying/{c}', { c }),
  forget: (c: string) => call('delete', '/api/collections/{c}', { c }),
  /** The address of a collection's cover, once `n` photos are prepared. */
  cover: (c: string, n: number) => address('/api/collections/{c}/cover', { c, n }),
  startUpload: async () => (await call('post', '/api/uploads', {})).upload,
  discardUpload: (upload: string) => call('delete', '/api/uploads/{upload}', { upload }),
  uploadPhoto: (upload: string, path: string, file: Blob) =>
    call('put', '/api/uploads/{upload}/photo', { upload, path }, new Blob([file])),
  uploadZip: (upload: string, file: Blob) => call('put', '/api/uploads/{upload}/zip', { upload }, new Blob([file])),
}

type NameIn<P> = P extends `/api/collections/{c}/export/${infer Name}`
  ? Name extends `${string}{${string}`
    ? never
    : Name
  : never
/** A file that can be downloaded. */
export type ExportedFile = NameIn<PathOf<'get'>>

/** A column of all photos, kept until it has another mark. */
class KeptColumn<T> {
  private kept: { mark: string; values: Promise<T> } | null = null
  constructor(private readonly decode: (bytes: ArrayBuffer) => T) {}

  of(mark: string, fetch: (mark: string) => Promise<Blob>): Promise<T> {
    if (this.kept?.mark === mark) return this.kept.values
    const values = fetch(mark).then(async (bytes) => this.decode(await bytes.arrayBuffer()))
    const kept = { mark, values }
    this.kept = kept
    values.catch(() => {
      if (this.kept === kept) this.kept = null
    })
    return values
  }
}

/** The calls about one collection. */
export class CollectionApi {
  /** the parameter that every path has: the id of the collection */
  private readonly c: { c: string }

  /** Part of the addresses of photos once some of them were replaced, so that no cache gives the earlier ones. */
  private replaced: { v?: number } = {}

  private readonly paths = new KeptColumn(textsOf)
  private readonly order = new KeptColumn((bytes) => new Int32Array(bytes))
  private readonly aspects = new KeptColumn((bytes) => new Float32Array(bytes))

  /** The labels that the page knows: answers then say only what has changed since. */
  private labelled = { since: -1, count: 0 }

  constructor(readonly id: string) {
    this.c = { c: id }
  }

  private get known(): { c: string; since: number } {
    return { ...this.c, since: this.labelled.since }
  }

  private decoded = (raw: Raw['Labels']): Labels | LabelsDelta => decodeLabels(raw, this.labelled.count)

  state = (): Promise<CollectionState> => call('get', '/api/collections/{c}', this.c)
  /** Says in which folder the photos are now. */
  relocate = (path: string): Promise<CollectionState> => call('put', '/api/collections/{c}/images', this.c, { path })
  scan = (): Promise<CollectionState> => call('post', '/api/collections/{c}/scan', this.c)
  cancelScan = (): Promise<CollectionState> => call('delete', '/api/collections/{c}/scan', this.c)
  addFound = (): Promise<CollectionState> => call('post', '/api/collections/{c}/found', this.c)
  prepare = (): Promise<CollectionState> => call('post', '/api/collections/{c}/prepare', this.c)
  cancel = (): Promise<CollectionState> => call('delete', '/api/collections/{c}/prepare', this.c)
  addSource = (backbone: string | null): Promise<CollectionState> =>
    call('post', '/api/collections/{c}/sources', this.c, { backbone })

  removeSource = (name: string): Promise<CollectionState> =>
    call('delete', '/api/collections/{c}/sources/{name}', { ...this.c, name })

  /** The photos; a column of all of them is fetched again only if it has changed. */
  async photos(): Promise<Photos> {
    const { marks, ...rest } = await call('get', '/api/collections/{c}/photos', this.c)
    const [paths, order, aspect] = await Promise.all([
      this.paths.of(marks.paths, (of) => call('get', '/api/collections/{c}/photos/paths', { ...this.c, of })),
      this.order.of(marks.order, (of) => call('get', '/api/collections/{c}/photos/order', { ...this.c, of })),
      this.aspects.of(marks.aspects, (of) => call('get', '/api/collections/{c}/photos/aspects', { ...this.c, of })),
    ])
    return { ...rest, paths, order, aspect }
  }

  /** float32 [at most first, 2]: the first photos of the prepare order */
  async mapSample(layer: string, projection: string, first: number): Promise<Float32Array> {
    const bytes = await call('get', '/api/collections/{c}/map', { ...this.c, layer, projection, first })
    return new Float32Array(await bytes.arrayBuffer())
  }

  /** float32 [N, 2] by id, NaN where not prepared yet */
  async map(layer: string, projection: string): Promise<Float32Array> {
    const bytes = await call('get', '/api/collections/{c}/map', { ...this.c, layer, projection })
    return new Float32Array(await bytes.arrayBuffer())
  }

  cancelMap = (layer: string, projection: string): Promise<undefined> =>
    call('delete', '/api/collections/{c}/map', { ...this.c, layer, projection })

  labels = async () => this.decoded(await call('get', '/api/collections/{c}/labels', this.known))
  assign = async (mask: Uint8Array, name: string, gesture: Gesture, kind: Kind = 'by hand') =>
    this.decoded(
      await call('post', '/api/collections/{c}/labels/assign', this.known, assigned(mask, name, gesture, kind)),
    )
  assignOnLeaving = (mask: Uint8Array, name: string, gesture: Gesture, kind: Kind) =>
    callOnLeaving('post', '/api/collections/{c}/labels/assign', this.known, assigned(mask, name, gesture, kind))
  remove = async (mask: Uint8Array) =>
    this.decoded(await call('post', '/api/collections/{c}/labels/remove', this.known, { selection: packMask(mask) }))
  rename = async (name: string, to: string) =>
    this.decoded(await call('post', '/api/collections/{c}/labels/rename', this.known, { name, to }))
  merge = async (names: string[], into: string) =>
    this.decoded(await call('post', '/api/collections/{c}/labels/merge', this.known, { names, into }))
  delete = async (name: string) =>
    this.decoded(await call('post', '/api/collections/{c}/labels/delete', this.known, { name }))
  undo = async () => this.decoded(await call('post', '/api/collections/{c}/undo', this.known))
  redo = async () => this.decoded(await call('post', '/api/collections/{c}/redo', this.known))

  similar = async (mask: Uint8Array, layer: string, projection: string, n: number) =>
    decodeRanked(
      await call('post', '/api/collections/{c}/similar', this.c, { selection: packMask(mask), layer, projection, n }),
    )
  /** Searches of all photos of the shards; those that are new are in the collection then. */
  similarEverywhere = async (mask: Uint8Array, layer: string, n: number): Promise<FoundEverywhere> =>
    decodeFound(
      await call('post', '/api/collections/{c}/everywhere/similar', this.c, { selection: packMask(mask), layer, n }),
    )
  lookCloser = async (mask: Uint8Array, layer: string, n: number): Promise<FoundEverywhere> =>
    decodeFound(
      await call('post', '/api/collections/{c}/everywhere/near', this.c, { selection: packMask(mask), layer, n }),
    )
  predictedEverywhere = async (name: string, n: number): Promise<FoundEverywhere> =>
    decodeFound(await call('post', '/api/collections/{c}/everywhere/predicted', this.c, { name, at_least: 0.5, n }))
  cancelEverywhere = (): Promise<undefined> => call('delete', '/api/collections/{c}/everywhere', this.c)

  /** The photos that a sentence describes best. */
  search = async (sentence: string, n: number) => {
    const found = await call('post', '/api/collections/{c}/search', this.c, { sentence, n })
    return { ids: int32s(found.ids), similarities: float32s(found.similarities) }
  }
  /** The photos that are most worth a label. */
  next = async (n: number): Promise<Int32Array> =>
    int32s((await call('get', '/api/collections/{c}/next', { ...this.c, n })).ids)
  /** The selected photos, farthest from the centre of the selection first. */
  spread = async (mask: Uint8Array, layer: string, projection: string) =>
    decodeRanked(
      await call('post', '/api/collections/{c}/spread', this.c, { selection: packMask(mask), layer, projection }),
    )

  /** The photos that a filter means. */
  filter = async (filter: Filter, count: number): Promise<Uint8Array> =>
    unpackMask((await call('post', '/api/collections/{c}/filter', this.c, { filter })).selection, count)
  savedFilters = (): Promise<SavedFilter[]> => call('get', '/api/collections/{c}/filters', this.c)
  saveFilter = (name: string, filter: Filter) =>
    call('post', '/api/collections/{c}/filters/save', this.c, { name, filter })
  deleteFilter = (name: string) => call('post', '/api/collections/{c}/filters/delete', this.c, { name })
  async column(name: string): Promise<Column> {
    const raw = await call('get', '/api/collections/{c}/attributes/column', { ...this.c, name })
    return raw.kind === 'numbers'
      ? { kind: 'numbers', values: float32s(raw.values) }
      : { kind: 'text', values: raw.values, codes: int32s(raw.codes) }
  }

  separate = (names: string[]) => call('post', '/api/collections/{c}/separate', this.c, { names })
  scores = (): Promise<Scores> => call('get', '/api/collections/{c}/scores', this.c)
  cancelSeparating = (): Promise<undefined> => call('delete', '/api/collections/{c}/separate', this.c)
  train = (): Promise<Report> => call('post', '/api/collections/{c}/train', this.c)
  cancelTraining = (): Promise<undefined> => call('delete', '/api/collections/{c}/train', this.c)
  fineTune = (backbone: string, minutes: number): Promise<CollectionState> =>
    call('post', '/api/collections/{c}/fine-tune', this.c, { backbone, minutes })
  cancelFineTuning = (): Promise<CollectionState> => call('delete', '/api/collections/{c}/fine-tune', this.c)
  useModel = (kind: ModelKind): Promise<CollectionState> => call('put', '/api/collections/{c}/model', this.c, { kind })
  /** `version` names the model, so that the browser does not mix up the answers of two models. */
  heatMap = (id: number, label: string, version: string): Promise<HeatMap> =>
    call('get', '/api/collections/{c}/photos/{id}/heatmap', { ...this.c, id, label, version })

  spotCheck = () => call('get', '/api/collections/{c}/spot-check', this.c)
  /** Draws photos at random, so that `n` wait for an answer. */
  drawSpotCheck = (n: number) => call('post', '/api/collections/{c}/spot-check', this.c, { n })
  answerSpotCheck = (photo: number, answer: SpotCheckAnswer) =>
    call('post', '/api/collections/{c}/spot-check/answer', this.c, { photo, ...answer })
  answerSpotCheckOnLeaving = (photo: number, answer: SpotCheckAnswer) =>
    callOnLeaving('post', '/api/collections/{c}/spot-check/answer', this.c, { photo, ...answer })
  /** What finishing would label; `error` and `confidence` are shares (0 to 1). */
  planFinish = (error: number, confidence: number) =>
    call('get', '/api/collections/{c}/finish', { ...this.c, error, confidence })
  finish = (error: number, confidence: number) =>
    call('post', '/api/collections/{c}/finish', this.c, { error, confidence })
  history = () => call('get', '/api/collections/{c}/history', this.c)
  /** The photos of one cell of the report's confusion table. */
  confused = async (label: string, predicted: string): Promise<Int32Array> =>
    int32s((await call('get', '/api/collections/{c}/confused', { ...this.c, label, predicted })).ids)

  cancelPredicting = (): Promise<undefined> => call('delete', '/api/collections/{c}/predictions', this.c)

  async predictions(): Promise<Predictions> {
    const raw = await call('get', '/api/collections/{c}/predictions', this.c)
    return { ...raw, codes: int16s(raw.codes), probability: float32s(raw.probability) }
  }

  /** The labels in whose place the model suggests another one, the most doubtful first. */
  async suspects(): Promise<Suspects> {
    const raw = await call('get', '/api/collections/{c}/suspects', this.c)
    return {
      ...raw,
      ids: int32s(raw.ids),
      given: int16s(raw.given),
      suggested: int16s(raw.suggested),
      probability: float32s(raw.probability),
      suggested_probability: float32s(raw.suggested_probability),
    }
  }
  /** `version` names the model whose suggestions the person saw. */
  keepSuspects = async (mask: Uint8Array, version: string) =>
    this.decoded(
      await call('post', '/api/collections/{c}/suspects/keep', this.known, { selection: packMask(mask), version }),
    )
  takeSuggested = async (mask: Uint8Array, version: string) =>
    this.decoded(
      await call('post', '/api/collections/{c}/suspects/take', this.known, { selection: packMask(mask), version }),
    )
  searchDuplicates = (): Promise<CollectionState> => call('post', '/api/collections/{c}/duplicates', this.c)
  cancelDuplicates = (): Promise<CollectionState> => call('delete', '/api/collections/{c}/duplicates', this.c)
  async duplicates(): Promise<Duplicates> {
    const raw = await call('get', '/api/collections/{c}/duplicates', this.c)
    return { ids: int32s(raw.ids), groups: int32s(raw.groups), kinds: int16s(raw.kinds) }
  }
  /** Gives photos without a label that of their duplicates. */
  labelDuplicates = async () => this.decoded(await call('post', '/api/collections/{c}/duplicates/label', this.known))

  /** What the person looks at, so that the page opens there the next time. */
  saveView = (view: View) => call('put', '/api/collections/{c}/view', this.c, { ...view })
  /** The same while the page is being closed, when no answer can be awaited. */
  saveViewOnLeaving = (view: View) => callOnLeaving('put', '/api/collections/{c}/view', this.c, { ...view })

  attributes = () => call('get', '/api/collections/{c}/attributes', this.c)
  attach = (file: File) =>
    call('put', '/api/collections/{c}/attributes', { ...this.c, name: file.name }, new Blob([file]))
  detach = () => call('delete', '/api/collections/{c}/attributes', this.c)
  subgroups = (by: string[]) => call('get', '/api/collections/{c}/subgroups', { ...this.c, by })

  datasheet = () => call('get', '/api/collections/{c}/datasheet', this.c)
  datasheetFacts = () => call('get', '/api/collections/{c}/datasheet/facts', this.c)
  answer = (key: string, text: string) =>
    call('put', '/api/collections/{c}/datasheet/{key}', { ...this.c, key }, { text })
  answerOnLeaving = (key: string, text: string) =>
    callOnLeaving('put', '/api/collections/{c}/datasheet/{key}', { ...this.c, key }, { text })

  /** The queue, with a case for each prediction whose probability is under `below` (0 to 1). */
  reviewCases = (below: number) => call('post', '/api/collections/{c}/review', this.c, { below })
  nearestLabelled = (id: number) => call('get', '/api/collections/{c}/review/{case}/nearest', this.case(id))
  confirm = (id: number, by: string, reason: string) =>
    call('post', '/api/collections/{c}/review/{case}/confirm', this.case(id), { by, reason })
  overrule = (id: number, label: string, by: string, reason: string) =>
    call('post', '/api/collections/{c}/review/{case}/overrule', this.case(id), { label, by, reason })
  takeBack = (id: number, by: string) =>
    call('post', '/api/collections/{c}/review/{case}/take-back', this.case(id), { by })
  contest = (photo: number, by: string, why: string) =>
    call('post', '/api/collections/{c}/contest', this.c, { photo, by, why })

  /** From here on, photos are those of this version. */
  usePhotos(version: number): void {
    this.replaced = version > 0 ? { v: version } : {}
  }

  /** From here on the page knows these labels. */
  useLabels({ version, codes }: Labels): void {
    this.labelled = { since: version, count: codes.length }
  }

  /** The address of the stream of events. */
  events = () => address('/api/collections/{c}/events', this.known)
  event = (data: string): ServerEvent => decodeEvent(data, this.labelled.count)
  /** The address of thumbnail sheet `k`, once `n` photos are on it: it changes while photos are being prepared. */
  sheet = (k: number, n: number) => address('/api/collections/{c}/sheets/{k}', { ...this.c, k, n, ...this.replaced })
  /** The address of the tiles of these rows of the prepare order, 16 a line. */
  tiles = (rows: number[]) =>
    address('/api/collections/{c}/tiles', { ...this.c, rows: rows.join(','), ...this.replaced })
  /** The address of a square of the picture of a map. */
  square = (at: { z: number; x: number; y: number }, layer: string, projection: string, look: SquareLook) =>
    address('/api/collections/{c}/map/squares/{z}/{x}/{y}', {
      ...this.c,
      ...at,
      layer,
      projection,
      ...look,
      ...this.replaced,
    })
  thumb = (id: number) => address('/api/collections/{c}/photos/{id}/thumb', { ...this.c, id, ...this.replaced })
  picture = (id: number) => address('/api/collections/{c}/photos/{id}/view', { ...this.c, id, ...this.replaced })
  /** A photo within 256 × 256. */
  smallPicture = (id: number) => call('get', '/api/collections/{c}/photos/{id}/thumb', { ...this.c, id })
  importFormats = () => call('get', '/api/collections/{c}/import/formats', this.c)
  /** What importing would do. */
  planImport = (what: ImportSource): Promise<ImportPlan> =>
    call('post', '/api/collections/{c}/import/plan', this.c, what)
  importLabels = (what: ImportOrder): Promise<ImportPlan> => call('post', '/api/collections/{c}/import', this.c, what)
  /** Makes a collection of what is in the boxes. */
  cropBoxes = (what: ImportSource): Promise<Crops> => call('post', '/api/collections/{c}/import/crops', this.c, what)
  truth = (): Promise<Truth | null> => call('get', '/api/collections/{c}/truth', this.c)
  removeTruth = () => call('delete', '/api/collections/{c}/truth', this.c)

  exportFormats = async () => (await call('get', '/api/collections/{c}/export', this.c)).formats
  /** Starts to write the labels in a format; only of the photos that a filter means, if there is one. */
  startExport = (format: string, where: Filter | null): Promise<ExportRun> =>
    call('post', '/api/collections/{c}/export/as/{format}', {
      ...this.c,
      format,
      ...(where ? { where: JSON.stringify(where) } : {}),
    })
  exportRun = (run: string): Promise<ExportRun> =>
    call('get', '/api/collections/{c}/export/runs/{run}', { ...this.c, run })
  cancelExport = (run: string) => call('delete', '/api/collections/{c}/export/runs/{run}', { ...this.c, run })
  /** The address of the file of an export that is ready. */
  exported = (run: string) => address('/api/collections/{c}/export/runs/{run}/file', { ...this.c, run })

  /** The address of a file; only of the photos that a filter means, where that is possible. */
  file = (name: ExportedFile, where: Filter | null = null) =>
    address(`/api/collections/{c}/export/${name}`, where ? { ...this.c, where: JSON.stringify(where) } : this.c)

  private case = (id: number) => ({ ...this.c, case: id })
}
