// The server's types under the names the page uses: generated (api-types.ts), never written by hand.
// Where the server sends an array as base64, the page holds it decoded.

import type { Bar } from '../state/filter-tree'
import type { components } from './api-types'

type Schemas = components['schemas']
type Decoded<T, Arrays> = Omit<T, keyof Arrays> & Arrays

export type CollectionSummary = Schemas['CollectionSummary']
export type Copying = Schemas['CopyingSummary']
export type CostRequest = Schemas['CostRequest']
export type Backbone = Schemas['BackboneSummary']
export type StudioInfo = Schemas['StudioInfo']
export type NewCollection = Schemas['NewCollection']

export type CollectionState = Schemas['CollectionState']
/** The shards that a collection stands on, and what was found in them. */
export type Shards = Schemas['ShardsState']
export type FoundEverywhere = Decoded<Schemas['FoundEverywhere'], { ids: number[]; values: Float32Array }>
export type Scanning = Schemas['ScanState']
export type Preparation = Schemas['PreparationState']
export type Source = Schemas['SourceState']
export type Layer = Schemas['LayerInfo']
export type Projection = Schemas['ProjectionInfo']
export type Report = Schemas['Report']
export type ModelKind = Schemas['ModelInfo']['kind']
export type FineTuning = Schemas['FineTuningState']
/** Two models on the same checked photos. */
export type Comparison = Schemas['Comparison']
/** Photos that wait for an answer, and counts of the answers so far. */
export type SpotCheck = Schemas['SpotCheckState']
/** What a person sees on a photo: a label, none of them, or they are unsure. */
export type SpotCheckAnswer = Omit<Schemas['SpotCheckAnswer'], 'photo'>
export type FinishPlan = Schemas['FinishPlan']
export type HistoryPoint = Schemas['HistoryPoint']

/** What importing labels would do, or what it did. */
export type ImportPlan = Schemas['ImportPlanned']
/** Where labels come from, and what was chosen about them. */
export type ImportSource = Omit<Schemas['ImportSource'], 'choices'> & { choices: Record<string, string> }
export type ImportOrder = Omit<Schemas['DoImport'], 'choices'> & { choices: Record<string, string> }
export type ImportFormat = Schemas['ImportFormat']
/** The collection that was made of the boxes of a file. */
export type Crops = Schemas['CropsMade']
/** Labels that are kept aside, and how the model does on them. */
export type Truth = Schemas['TruthState']
export type ExportFormat = Schemas['ExportFormat']
export type ExportRun = Schemas['ExportRun']

export type Photos = Decoded<
  Omit<Schemas['PhotoList'], 'marks'>,
  {
    /** below the folder of photos, by id */
    paths: string[]
    /** order[row] = id */
    order: Int32Array
    /** width / height by id, 0 while unknown */
    aspect: Float32Array
  }
>
/** How photos that get a label were selected. */
export type Gesture = Schemas['Assign']['gesture']
/** Whether a person gave labels, or confirmed what the model predicts. */
export type Kind = Schemas['Assign']['kind']
export type LabelCount = Schemas['LabelCount']
export type Labels = Decoded<
  Omit<Schemas['LabelsState'], 'kind'>,
  {
    /** by id: index into names, -1 for none */
    codes: Int16Array
  }
>
/** What has changed since a version of the labels. */
export type LabelsDelta = Decoded<
  Omit<Schemas['LabelsDelta'], 'kind'>,
  {
    ids: Int32Array
    /** the colour of the label that each of these photos has now, -1 for none */
    keys: Int32Array
  }
>
export type Ranked = Decoded<Schemas['Ranked'], { ids: Int32Array; distances: Float32Array }>
export type Predictions = Decoded<Schemas['PhotoPredictions'], { codes: Int16Array; probability: Float32Array }>
/** Doubted labels: `given` and `suggested` are positions in `names`. */
export type Suspects = Decoded<
  Schemas['SuspectLabels'],
  {
    ids: Int32Array
    given: Int16Array
    suggested: Int16Array
    probability: Float32Array
    suggested_probability: Float32Array
  }
>
/** How far the search for duplicates is. */
export type DuplicateSearch = Schemas['DuplicateSearch']
/** Photos that have duplicates, group by group: 0 the first of its group, 1 with the same pixels, 2 nearly the same. */
export type Duplicates = Decoded<Schemas['DuplicateGroups'], { ids: Int32Array; groups: Int32Array; kinds: Int16Array }>
export type Scores = Schemas['SeparationScores']
/** The places of a photo that made the model predict a label. */
export type HeatMap = Schemas['HeatMapPicture']

/** Which photos are meant: conditions, joined. */
export type Filter = Schemas['Filtered']['filter']
export interface SavedFilter {
  name: string
  filter: Filter
}
/** A column of the attached CSV, by photo id. */
export type Column =
  | Decoded<Schemas['NumbersColumn'], { kind: 'numbers'; values: Float32Array }>
  | Decoded<Schemas['TextColumn'], { kind: 'text'; codes: Int32Array }>

export type Attributes = Schemas['Attributes']
/** One group's accuracy with its interval; null where it is undefined. */
export type Group = Schemas['Group']
export type Split = Schemas['SubgroupReport']
export type Datasheet = Schemas['DatasheetForm']
export type DatasheetSection = Schemas['DatasheetSection']
export type FactTable = Schemas['FactTable']
/** A prediction that a person reviews. */
export type Case = Schemas['ReviewCase']
export type LabelledNeighbour = Schemas['LabelledNeighbour']

/** As the server sends them, arrays still in base64. */
export interface Raw {
  Labels: Schemas['LabelsState'] | Schemas['LabelsDelta']
  Ranked: Schemas['Ranked']
  FoundEverywhere: Schemas['FoundEverywhere']
  Event: Schemas[Extract<keyof Schemas, `${string}Event`>]
}

/** One event of the event stream. */
export type ServerEvent =
  | Exclude<Raw['Event'], { kind: 'labels' }>
  | (Omit<Schemas['LabelsEvent'], 'labels'> & { labels: Labels | LabelsDelta | null })

// The server keeps a view as it is, without knowing what is in it: these are the page's own.

export interface Camera {
  x: number
  y: number
  zoom: number
}

/** What the frames on the map are coloured by. */
export type Colouring = { by: 'label' | 'prediction' | 'sureness' } | { by: 'column'; column: string }

export type Shown = number | 'all'

/** What the person was looking at: saved by the server, restored on opening. */
export interface View {
  layer?: string
  projection?: string
  shown?: Shown
  camera?: Camera
  size?: number
  spread?: boolean
  opacity?: { on: boolean; threshold: number }
  /** of the height, 0 to 1 */
  review?: number
  table?: 'shown' | 'hidden' | 'wide'
  colouring?: Colouring
  filter?: Bar
}
