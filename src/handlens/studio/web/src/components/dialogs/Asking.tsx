// A question with a button for each answer.

import type { JSX } from 'preact'
import { giveAnswer, question } from '../../state/dialogs'
import { Dialog } from './Dialog'

export function Asking(): JSX.Element | null {
  const now = question.value
  if (!now) return null
  const cancel = () => giveAnswer(null)
  return (
    <Dialog key={now.text} title={now.title} close={cancel}>
      <p class="question">{now.text}</p>
      <div class="actions">
        <button type="button" class="button" onClick={cancel}>
          Cancel
        </button>
        {now.answers
          .map((answer, i) => (
            <button
              type="button"
              key={answer}
              class={`button ${i === 0 ? 'filled' : ''}`}
              autofocus={i === 0}
              onClick={() => giveAnswer(answer)}
            >
              {answer}
            </button>
          ))
          .reverse()}
      </div>
    </Dialog>
  )
}
