// Which dialog of the page is open.

import { owned } from '../../state/owned'

export type Dialog = 'help' | 'columns'

const [dialog, setDialog] = owned<Dialog | null>(null)

export { dialog }

export const openDialog = (which: Dialog): void => setDialog(which)
export const closeDialog = (): void => setDialog(null)
