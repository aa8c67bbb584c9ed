// What a format of labels holds, and who reads it.

import type { ExportFormat } from '../server/types'

const ABOUT: Record<string, string> = {
  csv: 'A row for each photo, text exactly as it is. For pandas, R and other programs.',
  spreadsheet: 'A row for each photo; cells that a spreadsheet would run get an apostrophe. For Excel and LibreOffice.',
  parquet: 'A table with exact types, with what the model predicts. For pandas, Polars, DuckDB and Spark.',
  folders: 'The labelled photos, one folder for each label. For people, and for most training programs.',
  coco: 'Images, categories and one annotation for each labelled photo. For pycocotools and most vision tools.',
  'label-studio': 'A task for each photo, with its label and what the model predicts. Label Studio imports it.',
  fiftyone: 'Samples with their labels and predictions. FiftyOne reads it beside the folder of photos.',
  'hugging-face': 'The photos themselves with their labels, and a card. datasets.load_dataset reads it.',
  croissant: 'A description of the data (Croissant 1.0) beside a table of labels; the photos stay where they are.',
  yolo: 'Copies of the photos in train, val and test, with a folder for each label. Ultralytics YOLO trains on it.',
}

/** A plugin's format says no more than its title and its ending. */
export const aboutFormat = ({ name, ending }: ExportFormat): string => ABOUT[name] ?? `A ${ending} file, by a plugin.`

/** Those that “Take away” has no row of its own for. */
export const otherFormats = (all: readonly ExportFormat[]): ExportFormat[] =>
  all.filter(({ name }) => name !== 'spreadsheet' && name !== 'folders')
