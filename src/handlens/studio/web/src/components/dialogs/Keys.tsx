// All keys and gestures.

import type { JSX } from 'preact'
import { COMMANDS, type Command } from '../../keyboard/commands'
import { keyText } from '../../keyboard/key-names'
import { MOST_SPREAD } from '../../map'
import { number } from '../../text/format'

const GROUPS = ['Look', 'Select', 'Label', 'Model', 'Page'] as const
/** Keys and gestures that no button has. */
const ELSEWHERE: { group: (typeof GROUPS)[number]; keys: string; name: string }[] = [
  { group: 'Look', keys: 'scroll', name: 'Zoom at the pointer' },
  {
    group: 'Look',
    keys: keyText('p'),
    name: `Of more than ${number(MOST_SPREAD)} photos, Spread takes those in view: zoom in first`,
  },
  { group: 'Look', keys: 'arrows, Enter', name: 'In the light table: from map to map, go there' },
  {
    group: 'Select',
    keys: 'arrows, Space',
    name: 'On the map, with box or lasso: move a crosshair, set the corners of a box',
  },
  { group: 'Look', keys: 'double click', name: 'See the photo large' },
  { group: 'Select', keys: 'Shift + draw', name: 'Add to the selection' },
  { group: 'Select', keys: 'Alt + draw', name: 'Take from the selection' },
  { group: 'Select', keys: 'arrows, Space', name: 'In the review: move, throw out or take back' },
  { group: 'Select', keys: 'Enter', name: 'In the review: see the photo large' },
  { group: 'Label', keys: '1 – 9', name: 'Label the selection' },
  { group: 'Model', keys: '1 – 9, 0, A – Z', name: 'In the spot check: the label that you see' },
  { group: 'Model', keys: 'N, U', name: 'In the spot check: none of these, unsure' },
  { group: 'Model', keys: '/', name: 'In the spot check: find a label by its name' },
  { group: 'Model', keys: '+', name: 'In the spot check: another label' },
  { group: 'Model', keys: '←, →', name: 'In the spot check: back one photo, forward' },
  { group: 'Model', keys: 'Enter', name: 'In the review queue: confirm, or overrule with the label that was chosen' },
  { group: 'Model', keys: '1 – 9, 0, A – Z', name: 'In the review queue: choose another label' },
  { group: 'Model', keys: '/, +', name: 'In the review queue: find a label by its name, write another one' },
]

export function Keys(): JSX.Element {
  return (
    <div class="keys">
      {GROUPS.map((group) => (
        <section key={group}>
          <h3>{group}</h3>
          <dl>
            {Object.values<Command>(COMMANDS)
              .filter((c) => c.group === group)
              .map((c) => (
                <div key={c.name}>
                  <dt>
                    <kbd>{keyText(c.keys[0]!)}</kbd>
                  </dt>
                  <dd>{c.name}</dd>
                </div>
              ))}
            {ELSEWHERE.filter((k) => k.group === group).map((k) => (
              <div key={k.name}>
                <dt>
                  <kbd>{k.keys}</kbd>
                </dt>
                <dd>{k.name}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </div>
  )
}
