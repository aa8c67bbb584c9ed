// The dialog that is open, if one is.

import type { JSX } from 'preact'
import { Contest } from '../../audit/Contest'
import { DatasheetForm } from '../../audit/DatasheetForm'
import { ReviewQueue } from '../../audit/ReviewQueue'
import { SplitReport } from '../../audit/SplitReport'
import { dialog } from '../../state/dialogs'
import { Forget } from './Forget'
import { Help } from './Help'
import { Keys } from './Keys'
import { Delete, Merge, Rename } from './LabelDialogs'
import { LeftOut } from './LeftOut'
import { Photo } from './Photo'
import { Sources } from './Sources'
import { TakeAway } from './TakeAway'

export function Dialogs(): JSX.Element | null {
  const open = dialog.value
  switch (open?.kind) {
    case 'help':
      return <Help />
    case 'keys':
      return <Keys />
    case 'left-out':
      return <LeftOut />
    case 'sources':
      return <Sources />
    case 'take-away':
      return <TakeAway />
    case 'rename':
      return <Rename name={open.name} />
    case 'merge':
      return <Merge names={open.names} />
    case 'delete':
      return <Delete name={open.name} />
    case 'photo':
      return <Photo id={open.id} />
    case 'forget':
      return <Forget what={open.what} />
    case 'split':
      return <SplitReport />
    case 'datasheet':
      return <DatasheetForm />
    case 'queue':
      return <ReviewQueue />
    case 'contest':
      return <Contest id={open.id} />
    default:
      return null
  }
}
