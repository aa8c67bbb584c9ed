// One study: its views, what is filtered, and the run that is open beside them.

import type { JSX } from 'preact'
import { useEffect } from 'preact/hooks'
import { IconButton } from '../components/Button'
import { Icon } from '../components/icons'
import type { Command } from '../keyboard/commands'
import { ariaKey, keyText } from '../keyboard/key-names'
import { isDark, toggleTheme } from '../state/theme'
import { number } from '../text/format'
import { StudyBanners } from './banners/StudyBanners'
import { COMMANDS, NAMES } from './commands'
import { CompareView } from './compare/CompareView'
import { RunDetail } from './detail/RunDetail'
import { FilterLine } from './filter/FilterLine'
import { ParallelView } from './parallel/ParallelView'
import { PivotView } from './pivot/PivotView'
import { RunsView } from './runs/RunsView'
import { experiments } from './server'
import { AT_FIRST, VIEWS, type View, writeAddress } from './state/address'
import { openDialog } from './state/dialogs'
import { calledAs, pivotValue, select, setConditions } from './state/looked-at'
import { adjust, go, place } from './state/place'
import { connected, curves, failed, graphed, loaded, runs, studies, study } from './state/study'
import { find, numbersOf } from './state/table'

export function StudyScreen(): JSX.Element {
  const { study: name, view, run } = place.value
  useEffect(() => {
    document.title = `${name} – handlens experiments`
  }, [name])
  const gone = studies.value !== null && study.value === null
  return (
    <div class={`experiments ${run === null ? '' : 'with-run'}`}>
      <Bar />
      {gone ? (
        <Gone name={name!} />
      ) : (
        <>
          <StudyBanners />
          <FilterLine />
          <main aria-label={NAMES[view]} aria-busy={!loaded.value}>
            <h2 class="visually-hidden">{NAMES[view]}</h2>
            {!loaded.value ? (
              <p class="opening" role="status">
                Loading the runs…
              </p>
            ) : runs.value.ids.length === 0 ? (
              <p class="opening" role="status">
                This study has no runs yet. They appear here as soon as the first one is planned.
              </p>
            ) : (
              <TheView of={view} />
            )}
          </main>
          {run !== null && <RunDetail key={run} id={run} />}
        </>
      )}
    </div>
  )
}

function TheView({ of }: { of: View }): JSX.Element | null {
  if (of === 'runs') return <RunsView />
  if (of === 'pivot') return <PivotView />
  if (of === 'compare') return <TheComparison />
  const { where, hidden, axes, scales } = place.value
  if (of === 'parallel') {
    // An address may name what is no number of these runs.
    const asked = find(runs.value, pivotValue.value)
    const value = asked?.numeric && asked.role !== 'choice' ? asked.name : 'value'
    return (
      <ParallelView
        runs={runs.value}
        value={value}
        called={calledAs(value)}
        where={where}
        showHidden={hidden}
        axes={axes}
        otherScales={scales}
        onWhere={setConditions}
        onAxes={(to) => adjust({ axes: to })}
        onOtherScales={(to) => adjust({ scales: to })}
        onSelect={(ids) => go({ view: 'runs', selected: ids })}
      />
    )
  }
  return null
}

function TheComparison(): JSX.Element {
  const { study: name, selected, by, against, scales, graph } = place.value
  const number = graph.length > 0 ? graph[0]! : (graphed.value.at(-1) ?? pivotValue.value)
  return (
    <CompareView
      study={name!}
      runs={runs.value}
      curves={curves.value}
      selected={selected}
      by={by}
      against={against}
      value={pivotValue.value}
      called={calledAs(pivotValue.value)}
      number={number}
      numbers={numbersOf(runs.value)}
      log={scales.includes(number)}
      ask={experiments.pivot}
      onSelect={select}
      onBy={(to) => adjust({ by: to, against: null })}
      onAgainst={(to) => adjust({ against: to })}
      onNumber={(to) => adjust({ graph: [to] })}
      onLog={(log) => adjust({ scales: log ? [...scales, number] : scales.filter((one) => one !== number) })}
    />
  )
}

function Bar(): JSX.Element {
  const now = study.value
  return (
    <header class="top-bar">
      <a
        class="button square"
        href={writeAddress(AT_FIRST)}
        aria-label="All studies"
        data-tip="All studies"
        onClick={(event) => {
          event.preventDefault()
          go(AT_FIRST)
        }}
      >
        <Icon name="home" />
      </a>
      <h1>
        {place.value.study}{' '}
        {now && (
          <small>
            {now.metric}, {now.direction === 'minimize' ? 'smaller' : 'larger'} is better
          </small>
        )}
      </h1>
      <nav class="views" aria-label="Views">
        {VIEWS.map((view) => (
          <Tab key={view} of={view} />
        ))}
      </nav>
      <span class="grow" />
      <Live />
      <span class="bar-end">
        <IconButton icon="help" name="Help" onClick={() => openDialog('help')} />
        <IconButton
          icon={isDark() ? 'sun' : 'moon'}
          name={isDark() ? 'Light theme' : 'Dark theme'}
          onClick={toggleTheme}
        />
      </span>
    </header>
  )
}

function Tab({ of }: { of: View }): JSX.Element {
  const command: Command = COMMANDS[of]
  return (
    <a
      class="button small"
      href={writeAddress({ ...place.value, view: of })}
      aria-current={place.value.view === of ? 'page' : undefined}
      aria-keyshortcuts={ariaKey(command.keys[0]!)}
      data-tip={command.name}
      data-key={keyText(command.keys[0]!)}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
        event.preventDefault()
        go({ view: of })
      }}
    >
      {NAMES[of]}
    </a>
  )
}

/** Whether runs come in, and whether the page hears of them. */
function Live(): JSX.Element {
  const now = study.value
  const counts = now ? { ...now.runs, running: now.runs.running - now.lost.length } : { running: 0, waiting: 0 }
  const text = !connected.value
    ? 'Not connected: what is shown may be old'
    : failed.value !== null
      ? 'Not up to date: what is shown may be old'
      : counts.running
        ? `${number(counts.running)} running${counts.waiting ? `, ${number(counts.waiting)} waiting` : ''}`
        : counts.waiting
          ? `${number(counts.waiting)} waiting`
          : ''
  const bad = !connected.value || failed.value !== null
  return (
    <span class={`live ${bad ? 'bad' : ''}`} role="status" title={text}>
      {bad && <Icon name="warn" size={16} />}
      {!bad && counts.running ? <i class="pulse" aria-hidden="true" /> : null}
      <span>{text}</span>
    </span>
  )
}

function Gone({ name }: { name: string }): JSX.Element {
  return (
    <main class="opening">
      <h2>This study could not be found</h2>
      <p role="alert">
        There is no study “{name}” in {studies.value?.folder}. It may have another name, or lie in another folder.
      </p>
      <button type="button" class="button filled" onClick={() => go(AT_FIRST)}>
        All studies
      </button>
    </main>
  )
}
