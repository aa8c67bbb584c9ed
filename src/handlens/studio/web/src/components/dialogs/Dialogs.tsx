// The dialog that is open, if one is.

import type { JSX } from 'preact'
import { Contest } from '../../audit/Contest'
import { DatasheetForm } from '../../audit/DatasheetForm'
import { ReviewQueue } from '../../audit/ReviewQueue'
import { SplitReport } from '../../audit/SplitReport'
import { type Dialog, dialog } from '../../state/dialogs'
import { Batch } from '../batch/Batch'
import { Finish } from './Finish'
import { Forget } from './Forget'
import { Help } from './Help'
import { ImportLabels } from './ImportLabels'
import { Delete, Merge, Rename } from './LabelDialogs'
import { LeftOut } from './LeftOut'
import { Locate } from './Locate'
import { Photo } from './Photo'
import { Search } from './Search'
import { Sources } from './Sources'
import { SpotCheck } from './SpotCheck'
import { TakeAway } from './TakeAway'

type Content = { [Kind in Dialog['kind']]: (open: Extract<Dialog, { kind: Kind }>) => JSX.Element }

/** What each kind of dialog shows. To add a dialog: its kind in state/dialogs.ts, and an entry here. */
export const DIALOGS: Content = {
  help: () => <Help />,
  'left-out': () => <LeftOut />,
  locate: () => <Locate />,
  sources: () => <Sources />,
  search: () => <Search />,
  'take-away': () => <TakeAway />,
  import: () => <ImportLabels />,
  rename: ({ name }) => <Rename name={name} />,
  merge: ({ names }) => <Merge names={names} />,
  delete: ({ name }) => <Delete name={name} />,
  photo: ({ id }) => <Photo id={id} />,
  forget: ({ what }) => <Forget what={what} />,
  check: ({ draw }) => <SpotCheck draw={draw} />,
  batch: ({ way }) => <Batch way={way} />,
  finish: () => <Finish />,
  split: () => <SplitReport />,
  datasheet: () => <DatasheetForm />,
  queue: () => <ReviewQueue />,
  contest: ({ id }) => <Contest id={id} />,
}

export function Dialogs(): JSX.Element | null {
  const open = dialog.value
  // TypeScript checks that DIALOGS has every kind; it cannot see that the kind found belongs to this very dialog.
  return open && (DIALOGS[open.kind] as (open: Dialog) => JSX.Element)(open)
}
