// The studies, and the runs and curves of the one that is looked at; kept in step with the server as runs come in.

import { computed, effect } from '@preact/signals'
import { ApiError } from '../../server/http'
import { announce, attempt, sentenceOf } from '../../state/messages'
import { owned } from '../../state/owned'
import { experiments, type Studies, type Study } from '../server'
import { type Curves, LOSSES } from './curves'
import { place } from './place'
import { find, merged, NO_RUNS, type Runs } from './table'

const [studies, setStudies] = owned<Studies | null>(null)
/** Why the list of studies cannot be read; null while it can. */
const [unread, setUnread] = owned<string | null>(null)
/** Why the runs that are shown cannot be brought up to date; null while they can. */
const [behind, setBehind] = owned<string | null>(null)
/** What is wrong with the record; null while all is well. */
const failed = computed(() => unread.value ?? behind.value)
/** Whether the server was heard of lately. */
const [connected, setConnected] = owned(true)
const [runs, setRuns] = owned<Runs>(NO_RUNS)
/** Whether the runs are those of the study of the address. */
const [loaded, setLoaded] = owned(false)
const [curves, setCurves] = owned<Curves>(new Map())
/** Of the runs that the page has; grows with each change. */
const [version, setVersion] = owned(-1)

export { connected, curves, failed, loaded, runs, studies, version }

export const study = computed<Study | null>(
  () => studies.value?.studies.find(({ name }) => name === place.value.study) ?? null,
)

/** The runs that are being trained according to the record, but by no process. */
export const lost = computed<ReadonlySet<number>>(() => new Set(study.value?.lost))

/** A part of the address of its own: what is computed from it stays when other parts change. */
const graph = computed(() => place.value.graph)

/** The numbers that the small graphs show. */
export const graphed = computed<readonly string[]>(() => {
  if (graph.value.length > 0) return graph.value
  const losses = LOSSES.filter((name) => find(runs.value, name)?.numeric)
  return losses.length > 0 || !study.value ? losses : [study.value.metric]
})

export async function loadStudies(): Promise<void> {
  setUnread(null)
  try {
    setStudies(await experiments.studies())
  } catch (error) {
    setUnread(sentenceOf(error))
  }
}

/** Which answers are still wanted: those to the latest question about the latest study. */
let asked = 0
/** Whether the runs of the study are on their way. */
let opening = false

async function loadStudy(name: string): Promise<void> {
  const mine = ++asked
  opening = true
  drawn = ''
  setLoaded(false)
  setRuns(NO_RUNS)
  setCurves(new Map())
  setVersion(-1)
  setBehind(null)
  await attempt(async () => {
    const table = await experiments.runs(name).catch((error: unknown) => {
      // A study that is not there is said by the screen.
      if (error instanceof ApiError && error.status === 404) return null
      throw error
    })
    if (mine !== asked || !table) return
    setRuns(table.runs)
    setVersion(table.version)
    setLoaded(true)
  }, 'The runs could not be loaded: ')
  if (mine === asked) opening = false
}

/** Fetches what changed since, until nothing did. */
async function update(): Promise<void> {
  const name = place.value.study
  if (!name) return
  if (!loaded.value) {
    // It did not answer, or there was none of this name.
    if (study.value && !opening) await loadStudy(name)
    return
  }
  const [mine, shown] = [asked, drawn]
  const [table, lines] = await Promise.all([
    experiments.runs(name, version.value),
    graphed.value.length > 0 ? experiments.curves(name, graphed.value, version.value) : null,
  ])
  if (mine !== asked) return
  setRuns(table.whole ? table.runs : merged(runs.value, table.runs, table.removed))
  // Other numbers are drawn by now: these curves would take their place.
  if (shown !== drawn) return
  if (lines) setCurves(lines.whole ? lines.curves : mergedCurves(curves.value, lines.curves, lines.removed))
  // The earlier of the two: what changed between them is asked for again.
  setVersion(Math.min(table.version, lines?.version ?? table.version))
}

function mergedCurves(before: Curves, changed: Curves, removed: readonly number[]): Curves {
  return new Map(
    [...changed].map(([number, of]) => {
      const now = new Map([...(before.get(number) ?? []), ...of])
      for (const id of removed) now.delete(id)
      return [number, now]
    }),
  )
}

async function loadCurves(name: string, numbers: readonly string[]): Promise<void> {
  const [mine, shown] = [asked, drawn]
  await attempt(async () => {
    const found = await experiments.curves(name, numbers)
    if (mine !== asked || shown !== drawn) return
    setCurves(found.curves)
    if (found.version >= version.value) return
    // The runs were read later: what changed between them is asked for again.
    setVersion(found.version)
    await refreshNow()
  }, 'The curves could not be loaded: ')
}

/** How long to wait between two updates, in milliseconds. */
const OFTEN = 1000
let updating = false

/** Brings the page up to date, after what it did itself; one update after the other. */
export function refreshNow(): Promise<void> {
  turn = turn.then(update).then(
    () => setBehind(null),
    // It is asked again by itself.
    (error: unknown) => setBehind(sentenceOf(error)),
  )
  return turn
}

let turn: Promise<void> = Promise.resolve()

/** Brings the page up to date with others, as often as is good for it. */
async function refresh(): Promise<void> {
  if (updating) return
  updating = true
  await refreshNow()
  setTimeout(() => {
    updating = false
    if ((studies.value?.version ?? 0) > version.value && loaded.value) void refresh()
  }, OFTEN)
}

/** Loads what the address asks for, and listens to what changes. */
export function keepInStep(): () => void {
  void loadStudies()
  const stops = [
    effect(() => {
      const name = place.value.study
      if (name !== loading) {
        loading = name
        if (name !== null) void loadStudy(name)
      }
    }),
    effect(() => {
      const [name, numbers] = [place.value.study, graphed.value.join('\n')]
      if (name !== null && loaded.value && numbers && `${name}\n${numbers}` !== drawn) {
        drawn = `${name}\n${numbers}`
        void loadCurves(name, numbers.split('\n'))
      }
    }),
    listen(),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

let loading: string | null = null
let drawn = ''

function listen(): () => void {
  const stream = new EventSource(experiments.events())
  stream.onopen = () => {
    if (!connected.value) announce('Connected again')
    setConnected(true)
  }
  stream.onmessage = ({ data }) => {
    const event = experiments.event(data as string)
    if (event.kind === 'problem') return setUnread(event.error)
    setUnread(null)
    setStudies(event.studies)
    if (event.studies.version > version.value) void refresh()
  }
  stream.onerror = () => setConnected(false)
  return () => stream.close()
}
