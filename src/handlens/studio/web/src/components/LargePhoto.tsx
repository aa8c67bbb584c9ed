// A photo as large as its place allows: its thumbnail at once, sharp as soon as the picture is there.

import type { JSX } from 'preact'
import { api } from '../state/collection'
import { fetched } from '../state/prefetch'

export function LargePhoto({ id, alt }: { id: number; alt: string }): JSX.Element {
  const there = fetched.value.get(id)
  if (there === 'broken') return <p>This photo cannot be shown.</p>
  if (there === undefined) return <p class="hint">Loading…</p>
  return (
    <img
      key={id} // never the photo before it
      class={there === 'thumb' ? 'blurred' : ''}
      src={there === 'thumb' ? api.thumb(id) : api.picture(id)}
      alt={alt}
      decoding="sync"
      draggable={false}
    />
  )
}
