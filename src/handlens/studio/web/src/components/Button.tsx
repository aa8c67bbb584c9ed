// Buttons. A command's button takes its name, its key and whether it can be used from the table of commands.

import type { ComponentChildren, JSX } from 'preact'
import { COMMANDS, type Command, type CommandId, runCommand } from '../keyboard/commands'
import { ariaKey, keyText } from '../keyboard/key-names'
import { Icon, type IconName } from './icons'

interface CommandButtonProps {
  command: CommandId
  icon?: IconName
  /** for tools that stay chosen */
  on?: boolean
  /** text beside the icon; the accessible name stays the command's unless it contains it */
  children?: ComponentChildren
  /** more for the tooltip, e.g. what undo would undo */
  hint?: string | null
  class?: string
  busy?: boolean
  /** what follows the command, e.g. where the focus goes */
  then?: ((event: MouseEvent) => void) | undefined
}

export function CommandButton(props: CommandButtonProps): JSX.Element {
  const command: Command = COMMANDS[props.command]
  const able = command.can?.() ?? true
  const tip = `${command.name}${props.hint ? `: ${props.hint}` : ''}`
  return (
    <button
      type="button"
      class={`button ${props.children ? '' : 'square'} ${props.class ?? ''}`}
      aria-label={props.children ? undefined : command.name}
      aria-keyshortcuts={command.keys.slice(0, 1).map(ariaKey).join(' ')}
      aria-pressed={props.on}
      // Not `disabled`: the button keeps its place in the tab order and its tooltip.
      aria-disabled={!able}
      aria-busy={props.busy}
      data-tip={tip}
      data-key={keyText(command.keys[0]!)}
      onClick={(event) => {
        runCommand(command)
        props.then?.(event)
      }}
    >
      {props.icon && <Icon name={props.icon} />}
      {props.children}
    </button>
  )
}

interface IconButtonProps {
  icon: IconName
  name: string
  onClick: () => void
  on?: boolean
  expanded?: boolean
  text?: string
  class?: string
}

/** A button with an icon and a tooltip that has no key. */
export function IconButton({ icon, name, onClick, on, expanded, text, class: more }: IconButtonProps): JSX.Element {
  return (
    <button
      type="button"
      class={`button ${text ? '' : 'square'} ${more ?? ''}`}
      aria-label={text === name ? undefined : name}
      aria-pressed={on}
      aria-expanded={expanded}
      data-tip={text === name ? undefined : name}
      onClick={onClick}
    >
      <Icon name={icon} />
      {text}
    </button>
  )
}
