// The server's types under the names the page uses: generated (api-types.ts), never written by hand.
// Where the server sends an array as base64, the page holds it decoded.

import type { components } from './api-types'

type Schemas = components['schemas']
type Decoded<T, Arrays> = Omit<T, keyof Arrays> & Arrays

export type CollectionSummary = Schemas['CollectionSummary']
export type Backbone = Schemas['BackboneSummary']
export type StudioInfo = Schemas['StudioInfo']
export type NewCollection = Schemas['NewCollection']

export type CollectionState = Schemas['State']
export type Preparation = Schemas['Preparation']
export type Source = Schemas['SourceState']
export type Layer = Schemas['LayerInfo']
export type Projection = Schemas['ProjectionInfo']
export type Report = Schemas['Report']
export type ModelKind = Schemas['Model']['kind']
export type FineTuning = Schemas['FineTuning']

export type Photos = Decoded<
  Schemas['Photos'],
  {
    /** order[row] = id */
    order: Int32Array
    /** width / height by id, 0 while unknown */
    aspect: Float32Array
  }
>
export type LabelCount = Schemas['LabelCount']
export type Labels = Decoded<
  Schemas['Labels'],
  {
    /** by id: index into names, -1 for none */
    codes: Int16Array
  }
>
export type Ranked = Decoded<Schemas['Ranked'], { ids: Int32Array; distances: Float32Array }>
export type Predictions = Decoded<Schemas['Predictions'], { codes: Int16Array; probability: Float32Array }>
export type Scores = Schemas['Scores']
/** Which places of a photo speak for a label. */
export type HeatMap = Schemas['HeatMap']

export type Attributes = Schemas['Attributes']
/** One group's accuracy with its interval; null where it is undefined. */
export type Group = Schemas['Group']
export type Split = Schemas['Split']
export type Datasheet = Schemas['Datasheet']
export type DatasheetSection = Schemas['Section']
export type FactTable = Schemas['FactTable']
/** A prediction before a person. */
export type Case = Schemas['Case']
export type LabelledNeighbour = Schemas['LabelledNeighbour']

/** As the server sends them, arrays still in base64. */
export interface Raw {
  Labels: Schemas['Labels']
  Ranked: Schemas['Ranked']
  Event: Schemas[Extract<keyof Schemas, `${string}Event`>]
}

/** What the event stream says. */
export type ServerEvent = Exclude<Raw['Event'], { kind: 'labels' }> | { kind: 'labels'; labels: Labels }

// The server keeps a view as it is, without knowing what is in it: these are the page's own.

export interface Camera {
  x: number
  y: number
  zoom: number
}

export type Shown = number | 'all'

/** What the person was looking at: saved by the server, restored on opening. */
export interface View {
  layer?: string
  projection?: string
  shown?: Shown
  camera?: Camera
  opacity?: { on: boolean; threshold: number }
  table?: 'shown' | 'hidden' | 'wide'
}
