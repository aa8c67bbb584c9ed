// What the server says, decoded: typed arrays where it sends base64.

export interface Collected {
  id: string
  name: string
  images: string
  count: number
  labelled: number
  prepared: number
  opened_at: string | number | null
  /** the photos are copies that Studio made */
  copied: boolean
}

export interface Builtin {
  name: string
  title: string
  description: string
  count: number
}

export interface Backbone {
  name: string
  title: string
  megabytes: number
  cached: boolean
}

/** What the home screen shows. */
export interface StudioInfo {
  version: string
  collections: Collected[]
  builtin: Builtin[]
  backbones: Backbone[]
}

export type Phase = 'idle' | 'reading' | 'fitting' | 'features' | 'predicting' | 'done' | 'cancelled' | 'failed'

export interface Preparation {
  running: boolean
  phase: Phase
  done: number
  total: number
  /** photos a second */
  rate: number | null
  seconds_left: number | null
  error: string | null
  /** names of the sources whose features are being computed */
  current_sources: string[]
}

export interface Source {
  name: string
  title: string
  state: 'ready' | 'preparing' | 'waiting' | 'failed'
  message: string | null
}

export interface Layer {
  id: string
  source: string
  stage: string
  pooling: 'what' | 'where'
  title: string
}

export interface Projection {
  id: string
  title: string
}

export interface Camera {
  x: number
  y: number
  zoom: number
}

export type Shown = number | 'all'

/** Where the person was: saved by the server, restored on opening. */
export interface View {
  layer?: string
  projection?: string
  shown?: Shown
  camera?: Camera
  opacity?: { on: boolean; threshold: number }
  table?: 'shown' | 'hidden' | 'wide'
}

export interface ClassReport {
  name: string
  count: number
  correct: number
  recall: number | null
  thin: boolean
}

export interface Report {
  accuracy: number | null
  low: number | null
  high: number | null
  n_labelled: number
  n_photos: number
  method: string
  layers: string[]
  per_class: ClassReport[]
  confusion: { names: string[]; counts: number[][] }
  warnings: string[]
  labels_version: number
  seconds: number
  /** the network that was fine-tuned; null for the quick model */
  network: string | null
}

export type ModelKind = 'quick' | 'fine-tuned'

export interface FineTuning {
  running: boolean
  phase: 'idle' | 'loading' | 'head' | 'whole' | 'predicting' | 'done' | 'cancelled' | 'failed'
  network: string | null
  epoch: number
  epochs: number
  /** 0–1, of training or of predicting */
  share: number
  seconds_left: number | null
  loss: number | null
  /** on the photos held out */
  accuracy: number | null
  error: string | null
}

/** A model that can be used. */
export interface Model {
  kind: ModelKind
  network: string | null
  accuracy: number | null
  labels_version: number
}

export interface CollectionState {
  id: string
  name: string
  images: string
  count: number
  left_out: number
  preparation: Preparation
  sources: Source[]
  layers: Layer[]
  projections: Projection[]
  separating: string[] | null
  notices: { id: string; text: string }[]
  view: View | null
  maps_version: number
  labels_version: number
  report: Report | null
  /** the model in use, which the report is of */
  model: ModelKind | null
  models: Model[]
  /** the sources that fine-tuning can start from */
  networks: string[]
  fine_tuning: FineTuning
}

export interface LeftOut {
  path: string
  reason: string
}

export interface Photos {
  paths: string[]
  /** order[row] = id */
  order: Int32Array
  /** width / height by id, 0 while unknown */
  aspect: Float32Array
  prepared: number
  left_out: LeftOut[]
}

export interface LabelName {
  name: string
  count: number
  colour: number
}

export interface Labels {
  version: number
  names: LabelName[]
  /** by id: index into names, -1 for none */
  codes: Int16Array
  undo: string | null
  redo: string | null
}

export interface Ranked {
  ids: Int32Array
  distances: Float32Array
}

export interface Scores {
  labels_version: number
  layers: Record<string, number | null>
  maps: Record<string, Record<string, number | null>>
}

/** Which places of a photo speak for a label. */
export interface HeatMap {
  label: string
  method: string
  rows: number
  columns: number
  /** base64 of a picture to lay over the photo; null where nothing speaks for the label */
  png: string | null
}

export interface Predictions {
  version: string
  names: string[]
  codes: Int16Array
  probability: Float32Array
}
