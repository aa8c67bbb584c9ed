// The pretrained networks that a new collection can be compared by.

import type { JSX } from 'preact'
import type { Backbone } from '../../server/types'
import { number } from '../../text/format'
import { chooseNet, chooseNets, chosenNets } from './draft'

export function Networks({ all }: { all: Backbone[] }): JSX.Element {
  const on = chosenNets.value.size > 0
  return (
    <div class="networks">
      <label class="option">
        <input
          type="checkbox"
          checked={on}
          disabled={all.length === 0}
          onChange={(event) => chooseNets(event.currentTarget.checked && all[0] ? [all[0].name] : [])}
        />
        <span>
          <b>A pretrained network</b>
          <small>
            Trained on a million photos, so it recognises shapes and objects better. More can be added later.
          </small>
        </span>
      </label>
      {on && (
        <div class="nets" role="group" aria-label="Networks">
          {all.map((b) => (
            <label key={b.name} class="option">
              <input
                type="checkbox"
                checked={chosenNets.value.has(b.name)}
                onChange={(event) => chooseNet(b.name, event.currentTarget.checked)}
              />
              <span>
                {b.title} <code>{b.name}</code>{' '}
                <span class="tag">
                  {b.cached ? 'on this machine' : `${number(Math.round(b.megabytes))} MB download`}
                </span>
              </span>
            </label>
          ))}
        </div>
      )}
    </div>
  )
}
