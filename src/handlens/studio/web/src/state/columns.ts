// The attached CSV's columns, to filter and to colour by: their names, and those that were fetched.

import type { Attributes, Column } from '../server/types'
import { api } from './collection'
import { attempt } from './messages'
import { owned } from './owned'

/** Null until the server was asked. */
const [columnNames, setColumnNames] = owned<readonly string[] | null>(null)
const [columns, setColumns] = owned<ReadonlyMap<string, Column>>(new Map())

/** Grows with each file that is attached or removed. */
const [file, setFile] = owned(0)

export { columnNames, columns, file }

let attached: string | null = null
let fetching = new Set<string>()

/** Columns are those of another file from here on, and are fetched again. */
function takeFile(found: Attributes | null): void {
  attached = JSON.stringify(found)
  fetching = new Set()
  setColumnNames(found?.columns ?? [])
  setColumns(new Map())
  setFile(file.value + 1)
}

export async function attachCsv(csv: File): Promise<Attributes | null> {
  const found = await api.attach(csv)
  takeFile(found)
  return found
}

export async function detachCsv(): Promise<null> {
  await api.detach()
  takeFile(null)
  return null
}

/** Asks which columns there are now. */
export const loadColumnNames = (): Promise<boolean> =>
  attempt(async () => {
    const found = await api.attributes()
    if (JSON.stringify(found) !== attached) takeFile(found)
  })

/** Fetches a column, unless that was done. */
export async function loadColumn(name: string): Promise<void> {
  if (columns.value.has(name) || fetching.has(name)) return
  const mine = fetching.add(name)
  await attempt(async () => {
    const found = await api.column(name)
    if (mine === fetching) setColumns(new Map(columns.value).set(name, found))
  })
  mine.delete(name)
}
