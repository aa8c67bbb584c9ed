// Messages in a corner, and the live region that tells screen readers what happens.

import type { JSX } from 'preact'
import { dismiss, messages, spoken } from '../state/messages'
import { Icon } from './icons'

export function Messages(): JSX.Element {
  return (
    <section aria-label="Messages">
      <div class="visually-hidden" role="status" aria-live="polite" aria-label="Announcements">
        {spoken.value}
      </div>
      <div class="messages">
        {messages.value.map(({ id, text, kind, actions }) => (
          <div key={id} class={`message ${kind}`} role={kind === 'error' ? 'alert' : undefined}>
            {kind === 'error' && <Icon name="warn" />}
            <span>{text}</span>
            {actions.map(({ name, run }) => (
              <button
                type="button"
                key={name}
                class="button small"
                onClick={() => {
                  dismiss(id)
                  run()
                }}
              >
                {name}
              </button>
            ))}
            <button type="button" class="button square small" aria-label="Dismiss" onClick={() => dismiss(id)}>
              <Icon name="close" size={16} />
            </button>
          </div>
        ))}
      </div>
    </section>
  )
}
