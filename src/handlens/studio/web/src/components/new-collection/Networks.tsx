// The pretrained networks that a new collection can be compared by.

import { Fragment, type JSX } from 'preact'
import type { Backbone } from '../../server/types'
import { number } from '../../text/format'
import { allNets, chooseNet, chooseNets, chosenNets, otherNets, typeNet, typeWeights, weights } from './draft'

export function Networks({ all }: { all: Backbone[] }): JSX.Element {
  const on = allNets.value.length > 0
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
            <Fragment key={b.name}>
              <label class="option">
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
              {chosenNets.value.has(b.name) && <Weights of={b.name} />}
            </Fragment>
          ))}
          {otherNets.value.map((net, i) => (
            <Fragment key={i}>
              <label class="line">
                <span>Another network</span>
                <input
                  type="text"
                  autocomplete="off"
                  spellcheck={false}
                  maxLength={200}
                  placeholder="its name in timm or torchvision"
                  value={net}
                  onInput={(event) => typeNet(i, event.currentTarget.value)}
                />
              </label>
              {net.trim() && <Weights of={net.trim()} />}
            </Fragment>
          ))}
        </div>
      )}
    </div>
  )
}

function Weights({ of }: { of: string }): JSX.Element {
  return (
    <label class="line weights">
      <span>
        Weights of {of} <small>(optional)</small>
      </span>
      <input
        type="text"
        autocomplete="off"
        spellcheck={false}
        placeholder="/home/me/weights.safetensors"
        value={weights.value.get(of) ?? ''}
        onInput={(event) => typeWeights(of, event.currentTarget.value)}
      />
      <small>A file on this machine, in place of the usual weights.</small>
    </label>
  )
}
