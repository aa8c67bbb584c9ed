// What a spot check has found, and what to do next.

import type { JSX } from 'preact'
import { collection } from '../state/collection'
import { closeDialog, openDialog } from '../state/dialogs'
import { sampleText } from '../state/everywhere'
import { type Action, advice } from '../state/guidance'
import { report, reportIsOld, train } from '../state/model'
import { canTrain, drawCount, toLabel } from '../state/next-step'
import { showNoneOfThese } from '../state/none-of-these'
import { countsText, drawPhotos } from '../state/spot-check'
import { labelText, meaning } from '../text/accuracy'
import { number, photos } from '../text/format'
import { Headline } from './Headline'

export function CheckResult(): JSX.Element {
  const made = report.value
  const [draws, what] = [drawCount.value, toLabel.value]
  const none = collection.value?.spot_check.none_of_these.length ?? 0
  // Where it made no mistake, more training is not the next thing.
  const main = made?.accuracy === 1 ? 'finish' : advice.value.action
  const styleOf = (step: Action): string => `button ${main === step ? 'filled' : ''}`
  const texts = [made && meaning(made), labelText(what, none)].filter(Boolean)
  return (
    <>
      {made && <Headline of={made} />}
      {texts.map((text) => (
        <p key={text}>{text}</p>
      ))}
      <p class="hint">{countsText.value}</p>
      {sampleText.value && <p class="hint">The numbers are of the {sampleText.value}: of the random ones alone.</p>}
      <div class="row">
        {what === 'none' && (
          <button type="button" class={styleOf('none-of-these')} onClick={showNoneOfThese}>
            Show the {photos(none)} to label
          </button>
        )}
        {reportIsOld.value && canTrain.value && (
          <button
            type="button"
            class={styleOf('train')}
            onClick={() => {
              closeDialog()
              void train()
            }}
          >
            Train again with these
          </button>
        )}
        {draws > 0 && (
          <button type="button" class={styleOf('check')} onClick={() => void drawPhotos(draws)}>
            Check {number(draws)} more
          </button>
        )}
        {made?.accuracy != null && (
          <button type="button" class={styleOf('finish')} onClick={() => openDialog({ kind: 'finish' })}>
            Finish…
          </button>
        )}
        {what === 'more' || what === 'unsure' ? (
          <button
            type="button"
            class={styleOf('suggest')}
            onClick={() => openDialog({ kind: 'batch', way: 'suggested' })}
          >
            Label more photos
          </button>
        ) : (
          <button type="button" class="button" onClick={closeDialog}>
            Close
          </button>
        )}
      </div>
    </>
  )
}
