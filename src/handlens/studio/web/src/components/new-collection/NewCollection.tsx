// The form for a new collection: where the photos are, and what to compare them by.

import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { StudioInfo } from '../../server/types'
import { number } from '../../text/format'
import { Icon } from '../icons'
import { cost, followCost } from './cost'
import {
  automatic,
  beginWith,
  chooseAutomatic,
  chooseOwn,
  create,
  failed,
  from,
  missing,
  name,
  own,
  setName,
  working,
} from './draft'
import { Networks } from './Networks'
import { FromBuiltin, FromFiles, FromPath, SourceChoice } from './SourceFields'

export function NewCollection({ info }: { info: StudioInfo }): JSX.Element {
  useState(() => beginWith(info)) // before it is first drawn
  useEffect(followCost, [])
  return (
    <form
      class="card new-collection"
      onSubmit={(event) => {
        event.preventDefault()
        if (!working.value) void create()
      }}
    >
      <fieldset>
        <legend>Where are the photos?</legend>
        <div class="choices">
          <SourceChoice of="path" icon="folder" text="A folder on this machine" />
          <SourceChoice of="files" icon="upload" text="Drop or choose files" />
          <SourceChoice of="builtin" icon="grid" text="A built-in collection" />
        </div>
        {from.value === 'path' && <FromPath />}
        {from.value === 'files' && <FromFiles />}
        {from.value === 'builtin' && <FromBuiltin info={info} />}
      </fieldset>
      <fieldset>
        <legend>What should they be compared by?</legend>
        <label class="option">
          <input
            type="checkbox"
            checked={automatic.value}
            onChange={(event) => chooseAutomatic(event.currentTarget.checked)}
          />
          <span>
            <b>Choose for me, no download</b> <span class="tag">suggested</span>
            <small>
              Studio looks at some of the photos. Photographs are compared by a network that comes with it; drawings,
              digits and the like by features learned on them. The page says which.
            </small>
          </span>
        </label>
        <label class="option">
          <input type="checkbox" checked={own.value} onChange={(event) => chooseOwn(event.currentTarget.checked)} />
          <span>
            <b>Learned on these photos, no download</b>
            <small>
              Small patterns found in your own photos. Good for drawings, digits, textures and anything unusual.
            </small>
          </span>
        </label>
        <Networks all={info.backbones} />
      </fieldset>
      <label class="line">
        <span>
          Name <small>(optional)</small>
        </span>
        <input
          type="text"
          maxLength={100}
          autocomplete="off"
          value={name.value}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <div class="actions">
        {cost.value?.text && (
          <p class={cost.value.fits ? '' : 'error'} role="status">
            {cost.value.text}
          </p>
        )}
        {failed.value !== null && (
          <p class="error" role="alert">
            <Icon name="warn" /> {failed.value}
          </p>
        )}
        {working.value && (
          <p role="status">
            {working.value.text}
            {working.value.total > 0 ? `: ${number(working.value.done)} of ${number(working.value.total)} files` : '…'}
            <progress
              aria-label={working.value.text}
              {...(working.value.total > 0 ? { value: working.value.done, max: working.value.total } : {})}
            />
          </p>
        )}
        <button type="submit" class="button filled" aria-disabled={missing.value !== null || working.value !== null}>
          Create collection
        </button>
      </div>
    </form>
  )
}
