// The datasheet as a form: computed facts are shown, the questions are answered in fields that save by themselves.

import { signal } from '@preact/signals'
import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { Dialog } from '../components/dialogs/Dialog'
import { Icon } from '../components/icons'
import type { Datasheet, DatasheetSection, FactTable } from '../server/types'
import { api } from '../state/collection'
import { sentenceOf } from '../state/messages'
import { number, plural } from '../text/format'
import { Saver } from './saver'

/** The answers by the question's key. Unsaved ones are kept when the dialog closes. */
const answers = signal<Record<string, string>>({})
const saver = new Saver((key, text) => api.answer(key, text))

addEventListener('pagehide', () => {
  for (const [key, text] of saver.left()) api.answerOnLeaving(key, text)
})

const isOpen = (key: string): boolean => !answers.value[key]?.trim()

export function DatasheetForm(): JSX.Element {
  const [sheet, setSheet] = useState<Datasheet | { error: string } | null>(null)
  useEffect(() => {
    void saver
      .flush()
      .then(api.datasheet)
      .then(
        (found) => {
          const all = found.sections.flatMap((s) => s.questions.map((q) => [q.key, q.answer]))
          answers.value = {
            ...Object.fromEntries([...all, ['notes', found.notes]]),
            ...Object.fromEntries(saver.left()),
          }
          setSheet(found)
        },
        (error: unknown) => setSheet({ error: sentenceOf(error) }),
      )
    return () => void saver.flush()
  }, [])
  return (
    <Dialog title="Datasheet" class="wide datasheet-dialog">
      <p>
        What these photos are, for the people who work with them after you. What can be computed is filled in; the rest
        only people know.
      </p>
      {sheet === null ? (
        <p class="hint" role="status">
          Loading…
        </p>
      ) : 'error' in sheet ? (
        <p class="problem" role="alert">
          {sheet.error}
        </p>
      ) : (
        <Form sheet={sheet} />
      )}
    </Dialog>
  )
}

function Form({ sheet }: { sheet: Datasheet }): JSX.Element {
  const keys = sheet.sections.flatMap((s) => s.questions.map((q) => q.key))
  const open = keys.filter(isOpen).length
  return (
    <>
      <div class="sheet-state">
        <b class="unanswered">
          {open === 0
            ? 'All questions are answered'
            : `${number(open)} of ${plural(keys.length, 'question')} not answered`}
        </b>
        <Saved />
        <a
          class="button"
          href={api.file('DATASHEET.md')}
          download=""
          aria-label="Download the datasheet"
          aria-disabled={saver.unsaved.value > 0}
          onClick={(event) => saver.unsaved.value > 0 && event.preventDefault()}
        >
          <Icon name="take" /> Download
        </a>
      </div>
      <Computed />
      {sheet.sections.map((section) => (
        <Questions key={section.title} section={section} />
      ))}
      <Field name="notes" text="Notes" />
    </>
  )
}

function Saved(): JSX.Element {
  const error = saver.error.value
  return (
    <span class={`saved ${error === null ? '' : 'unsaved'}`} role="status">
      {error !== null ? `Not saved: ${error} Trying again…` : saver.unsaved.value > 0 ? 'Saving…' : 'Saved'}
    </span>
  )
}

function Computed(): JSX.Element {
  const [found, setFound] = useState<FactTable[] | { error: string } | null>(null)
  useEffect(() => {
    let over = false
    api.datasheetFacts().then(
      (tables) => !over && setFound(tables),
      (error: unknown) => !over && setFound({ error: sentenceOf(error) }),
    )
    return () => {
      over = true
    }
  }, [])
  return (
    <section class="computed" aria-label="Computed" aria-busy={found === null}>
      <h3>Computed</h3>
      {found === null && <p class="hint">Reading every photo’s file…</p>}
      {found !== null && 'error' in found && (
        <p class="problem" role="alert">
          {found.error}
        </p>
      )}
      {Array.isArray(found) &&
        found.map(({ heading, rows }) => (
          // biome-ignore lint/a11y/noNoninteractiveTabindex: a table that scrolls sideways is scrolled by keys
          <div class="table-scroll" key={heading.join()} tabIndex={0} role="region" aria-label={heading.join(', ')}>
            <table class="list">
              <thead>
                <tr>
                  {heading.map((text) => (
                    <th scope="col" key={text}>
                      {text}
                    </th>
                  ))}
                </tr>
              </thead>
              <tbody>
                {rows.map((row) => (
                  <tr key={row[0]}>
                    {row.map((text, i) => (i === 0 ? <th scope="row">{text}</th> : <td>{text}</td>))}
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        ))}
    </section>
  )
}

function Questions({ section }: { section: DatasheetSection }): JSX.Element {
  const open = section.questions.filter((q) => isOpen(q.key)).length
  return (
    <section class="questions" aria-label={section.title}>
      <h3>
        {section.title} <small class="hint">{open === 0 ? 'answered' : `${open} open`}</small>
      </h3>
      {section.questions.map(({ key, question }) => (
        <Field key={key} name={key} text={question} />
      ))}
    </section>
  )
}

function Field({ name, text }: { name: string; text: string }): JSX.Element {
  return (
    <label class={`answer ${name !== 'notes' && isOpen(name) ? 'open' : ''}`}>
      <span>{text}</span>
      <textarea
        rows={2}
        maxLength={100_000}
        value={answers.value[name] ?? ''}
        onInput={(event) => {
          answers.value = { ...answers.value, [name]: event.currentTarget.value }
          saver.typed(name, event.currentTarget.value)
        }}
        onBlur={() => void saver.flush()}
      />
    </label>
  )
}
