// The attached CSV's columns, to filter and to colour by: their names, and those that were fetched.

import type { Column } from '../server/types'
import { api } from './collection'
import { attempt } from './messages'
import { owned } from './owned'

/** Null until the server was asked. */
const [columnNames, setColumnNames] = owned<readonly string[] | null>(null)
const [columns, setColumns] = owned<ReadonlyMap<string, Column>>(new Map())

export { columnNames, columns }

let attached: string | null = null

/** Asks which columns there are now; those of another file are fetched again. */
export const loadColumnNames = (): Promise<boolean> =>
  attempt(async () => {
    const found = await api.attributes()
    const now = JSON.stringify(found)
    if (now === attached) return
    attached = now
    setColumnNames(found?.columns ?? [])
    setColumns(new Map())
  })

const fetching = new Set<string>()

/** Fetches a column, unless that was done. */
export async function loadColumn(name: string): Promise<void> {
  if (columns.value.has(name) || fetching.has(name)) return
  fetching.add(name)
  await attempt(async () => {
    const found = await api.column(name)
    setColumns(new Map(columns.value).set(name, found))
  })
  fetching.delete(name)
}
