// The files that are not used, each with its reason.

import type { JSX } from 'preact'
import { photos } from '../../state/collection'
import { number } from '../../text/format'
import { Dialog } from './Dialog'

export function LeftOut(): JSX.Element {
  const files = photos.value?.left_out ?? []
  return (
    <Dialog title="Left out" class="wide">
      <p>
        {files.length === 0
          ? 'No file was left out: every file of the folder is on the map.'
          : `${number(files.length)} ${files.length === 1 ? 'file was' : 'files were'} not used, each for its reason. The files themselves are untouched.`}
      </p>
      {files.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        <div class="table-scroll tall" tabIndex={0} role="region" aria-label="Files left out">
          <table class="list">
            <thead>
              <tr>
                <th scope="col">File</th>
                <th scope="col">Reason</th>
              </tr>
            </thead>
            <tbody>
              {files.map(({ path, reason }) => (
                <tr key={path}>
                  <th scope="row">{path}</th>
                  <td>{reason}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Dialog>
  )
}
