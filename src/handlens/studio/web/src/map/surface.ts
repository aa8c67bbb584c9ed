/** What happens to the WebGL2 context. */
export interface SurfaceEvents {
  /** The context is lost, with everything that was made in it. */
  lost(): void
  /** The context is restored, and everything has to be made again. */
  restored(): void
}

/** The canvas that the map is drawn on with its WebGL2 context, and a notice in its place where it cannot be drawn. */
export class Surface {
  readonly canvas = document.createElement('canvas')
  /** null where there is no WebGL2 */
  readonly gl: WebGL2RenderingContext | null
  private readonly notice = document.createElement('p')
  private readonly stopping = new AbortController()

  constructor(
    private readonly host: HTMLElement,
    name: string,
    on: SurfaceEvents,
  ) {
    if (getComputedStyle(host).position === 'static') host.style.position = 'relative'
    this.canvas.style.cssText =
      'position:absolute;inset:0;width:100%;height:100%;display:block;touch-action:none;user-select:none'
    this.canvas.setAttribute('role', 'img')
    this.canvas.setAttribute('aria-label', name)
    this.notice.setAttribute('role', 'alert')
    this.notice.style.cssText =
      'position:absolute;inset:0;margin:auto;height:fit-content;max-width:32em;padding:1.5em;text-align:center'
    host.append(this.canvas)
    this.gl = this.canvas.getContext('webgl2', {
      alpha: false,
      antialias: false,
      depth: true,
      stencil: false,
      powerPreference: 'high-performance',
    })
    if (!this.gl) {
      this.say(
        'The map needs WebGL2, which this browser does not offer here. Turn on hardware acceleration in its settings, ' +
          'or open this page in a current Firefox, Chrome, Edge or Safari.',
      )
      return
    }
    const { signal } = this.stopping
    this.canvas.addEventListener(
      'webglcontextlost',
      (event) => {
        event.preventDefault() // otherwise it is never restored
        on.lost()
        this.say('The graphics card took the map away; it comes back as soon as the card allows.')
      },
      { signal },
    )
    this.canvas.addEventListener(
      'webglcontextrestored',
      () => {
        this.notice.remove()
        on.restored()
      },
      { signal },
    )
  }

  /** Puts a sentence over the map. */
  say(text: string): void {
    this.notice.textContent = text
    this.host.append(this.notice)
  }

  /** Sets the resolution, in pixels of the drawing. */
  resize(width: number, height: number): void {
    if (this.canvas.width !== width) this.canvas.width = width
    if (this.canvas.height !== height) this.canvas.height = height
  }

  destroy(): void {
    this.stopping.abort()
    this.gl?.getExtension('WEBGL_lose_context')?.loseContext()
    this.canvas.remove()
    this.notice.remove()
  }
}
