// The page "Kernel": a 3×3 window over a picture, its nine products, and all their sums beside it.

import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useId } from 'preact/hooks'
import { IconButton } from '../components/Button'
import { Icon } from '../components/icons'
import { Messages } from '../components/Messages'
import { Tooltip } from '../components/Tooltip'
import { info, loadHome } from '../state/home'
import { isDark, toggleTheme } from '../state/theme'
import { number } from '../text/format'
import { CHANNELS } from './address'
import type { Padding } from './convolve'
import { KernelPictures } from './KernelPictures'
import { AtWindow } from './KernelSum'
import type { Channels, Shades } from './picture'
import { PRESETS } from './presets'
import {
  channels,
  choose,
  collection,
  failed,
  keepAddress,
  load,
  loading,
  names,
  padding,
  photo,
  picture,
  preset,
  setChannels,
  setPadding,
  setShades,
  setStride,
  setWhite,
  shades,
  stepPhoto,
  stride,
  usePreset,
  white,
} from './state'

export function KernelScreen(): JSX.Element {
  useEffect(() => {
    document.title = 'Kernel – handlens Studio'
    void load()
    void loadHome()
    return keepAddress()
  }, [])
  return (
    <div class="kernel-screen">
      <Bar />
      <main aria-busy={loading.value}>
        {failed.value !== null ? (
          <NoPicture reason={failed.value} />
        ) : !picture.value ? (
          <p class="opening" role="status">
            Loading the picture…
          </p>
        ) : (
          <>
            <Choices />
            <KernelPictures />
            <AtWindow />
          </>
        )}
      </main>
      <Messages />
      <Tooltip />
    </div>
  )
}

const BUILT_IN = ''

function Bar(): JSX.Element {
  const of = collection.value
  const known = (info.value?.collections ?? []).map(({ id, name }) => ({ id, name }))
  const collections = of === null || known.some(({ id }) => id === of) ? known : [...known, { id: of, name: of }]
  return (
    <header class="top-bar">
      <a class="button square" href="/" aria-label="All collections" data-tip="All collections">
        <Icon name="home" />
      </a>
      <h1>Kernel</h1>
      <span class="grow" />
      <select
        aria-label="Pictures of"
        value={of ?? BUILT_IN}
        onChange={(event) => choose(event.currentTarget.value === BUILT_IN ? null : event.currentTarget.value)}
      >
        <option value={BUILT_IN}>Built-in picture</option>
        {collections.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
      {of !== null && names.value.length > 0 && (
        <div class="stepper" role="group" aria-label="Photo">
          <IconButton icon="left" name="Previous photo" onClick={() => stepPhoto(-1)} />
          <b title={names.value[photo.value]}>
            {photo.value < names.value.length ? number(photo.value + 1) : '–'} of {number(names.value.length)}
          </b>
          <IconButton icon="right" name="Next photo" onClick={() => stepPhoto(1)} />
        </div>
      )}
      <IconButton
        icon={isDark() ? 'sun' : 'moon'}
        name={isDark() ? 'Light theme' : 'Dark theme'}
        onClick={toggleTheme}
      />
    </header>
  )
}

function NoPicture({ reason }: { reason: string }): JSX.Element {
  return (
    <div class="opening">
      <h2>This picture could not be loaded</h2>
      <p role="alert">{reason}</p>
      <p class="actions">
        <button type="button" class="button filled" onClick={() => void load()}>
          Try again
        </button>
        <button type="button" class="button" onClick={() => choose(null)}>
          Use the built-in picture
        </button>
      </p>
    </div>
  )
}

const CHANNEL_NAMES: Record<Channels, string> = {
  all: 'All: R + G + B',
  grey: 'Grey: their mean',
  red: 'Red',
  green: 'Green',
  blue: 'Blue',
}

interface ChoiceProps {
  name: string
  value: string
  onChange: (value: string) => void
  children: ComponentChildren
}

function Choice({ name, value, onChange, children }: ChoiceProps): JSX.Element {
  const id = useId()
  return (
    <div>
      <label for={id}>{name}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        {children}
      </select>
    </div>
  )
}

function Choices(): JSX.Element {
  return (
    <section class="kernel-choices" aria-label="Choices">
      <Choice name="Kernel" value={preset.value?.id ?? 'own'} onChange={usePreset}>
        {PRESETS.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
        {!preset.value && <option value="own">Your own</option>}
      </Choice>
      <Choice name="Channels" value={channels.value} onChange={(to) => setChannels(to as Channels)}>
        {CHANNELS.map((of) => (
          <option key={of} value={of}>
            {CHANNEL_NAMES[of]}
          </option>
        ))}
      </Choice>
      <Choice name="Stride" value={String(stride.value)} onChange={(to) => setStride(to === '2' ? 2 : 1)}>
        <option value="1">1</option>
        <option value="2">2</option>
      </Choice>
      <Choice name="Padding" value={padding.value} onChange={(to) => setPadding(to as Padding)}>
        <option value="none">None</option>
        <option value="zeros">Zeros</option>
        <option value="reflection">Reflection</option>
      </Choice>
      <Choice name="Pixel values" value={String(white.value)} onChange={(to) => setWhite(to === '1' ? 1 : 255)}>
        <option value="255">0 to 255</option>
        <option value="1">0 to 1</option>
      </Choice>
      <Choice name="Output shown" value={shades.value} onChange={(to) => setShades(to as Shades)}>
        <option value="rescaled">Rescaled</option>
        <option value="clipped">Clipped</option>
      </Choice>
    </section>
  )
}
