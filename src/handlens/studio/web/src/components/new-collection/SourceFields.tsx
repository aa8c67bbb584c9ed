// Where the photos of a new collection are: a folder, files, or a built-in collection.

import type { JSX } from 'preact'
import type { StudioInfo } from '../../server/types'
import { fromDrop, fromInput } from '../../server/uploads'
import { owned } from '../../state/owned'
import { number, photos as photosText } from '../../text/format'
import { Icon } from '../icons'
import { builtin, chooseFiles, chooseFrom, type From, files, from, path, setBuiltin, setPath } from './draft'

const [dragging, setDragging] = owned(false)

export function SourceChoice({
  of,
  icon,
  text,
}: {
  of: From
  icon: 'folder' | 'upload' | 'grid'
  text: string
}): JSX.Element {
  return (
    <label class={`choice ${from.value === of ? 'on' : ''}`}>
      <input type="radio" name="from" value={of} checked={from.value === of} onChange={() => chooseFrom(of)} />
      <Icon name={icon} />
      {text}
    </label>
  )
}

export function FromPath(): JSX.Element {
  return (
    <label class="line">
      <span>Folder</span>
      <input
        type="text"
        autocomplete="off"
        spellcheck={false}
        placeholder="/home/me/photos"
        value={path.value}
        onInput={(event) => setPath(event.currentTarget.value)}
      />
      <small>
        The photos stay where they are and are never changed. Folders inside it are included. You can also name an
        archive, a PDF document, a video, a list of paths (.txt), a pattern such as /scans/*.tif, or s3://…: the photos
        in it are copied.
      </small>
    </label>
  )
}

export function FromFiles(): JSX.Element {
  const bytes = files.value.reduce((sum, { file }) => sum + file.size, 0)
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: for dropping with a mouse; the buttons inside do the same
    <div
      class={`drop ${dragging.value ? 'over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault()
        setDragging(true)
      }}
      onDragLeave={() => setDragging(false)}
      onDrop={(event) => {
        event.preventDefault()
        setDragging(false)
        if (event.dataTransfer) void fromDrop(event.dataTransfer.items).then(chooseFiles)
      }}
    >
      <p aria-live="polite">
        {files.value.length === 0
          ? 'Drop a folder, photos or a zip here'
          : `${number(files.value.length)} ${files.value.length === 1 ? 'file' : 'files'}, ${number(Math.max(1, Math.round(bytes / 1e6)))} MB`}
      </p>
      <p class="actions">
        <Pick text="Choose a folder" folder />
        <Pick text="Choose files or a zip" />
      </p>
      <small>They are copied to Studio on this machine, and nowhere else.</small>
    </div>
  )
}

function Pick({ text, folder }: { text: string; folder?: boolean }): JSX.Element {
  return (
    <label class="button file">
      {text}
      <input
        type="file"
        class="visually-hidden"
        multiple
        // This attribute makes the browser ask for a folder.
        {...(folder ? { webkitdirectory: true } : { accept: 'image/*,.zip' })}
        onChange={(event) => chooseFiles(fromInput(event.currentTarget))}
      />
    </label>
  )
}

export function FromBuiltin({ info }: { info: StudioInfo }): JSX.Element {
  return (
    <div class="builtins">
      {info.builtin.map((b) => (
        <label key={b.name} class="option">
          <input
            type="radio"
            name="builtin"
            value={b.name}
            checked={builtin.value === b.name}
            onChange={() => setBuiltin(b.name)}
          />
          <span>
            <b>{b.title}</b> <span class="tag">{photosText(b.count)}</span>
            <small>{b.description}</small>
          </span>
        </label>
      ))}
    </div>
  )
}
