// The page of experiments: the list of studies, or one study as its address says.

import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { Asking } from '../components/dialogs/Asking'
import { Messages } from '../components/Messages'
import { Tooltip } from '../components/Tooltip'
import { NoteDialog } from './actions/NoteDialog'
import { listenToKeys } from './commands'
import { Columns } from './dialogs/Columns'
import { Help } from './dialogs/Help'
import { StudyList } from './StudyList'
import { StudyScreen } from './StudyScreen'
import { dialog } from './state/dialogs'
import { keepPlace, place } from './state/place'
import { keepInStep } from './state/study'

export function ExperimentsScreen(): JSX.Element {
  useEffect(() => {
    const stops = [keepPlace(), keepInStep(), listenToKeys()]
    return () => {
      for (const stop of stops) stop()
    }
  }, [])
  return (
    <>
      {place.value.study === null ? <StudyList /> : <StudyScreen />}
      {dialog.value === 'help' && <Help />}
      {dialog.value === 'columns' && <Columns />}
      <NoteDialog />
      <Asking />
      <Messages />
      <Tooltip />
    </>
  )
}
