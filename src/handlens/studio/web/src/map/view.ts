import { between, fitted, panned, pixelsPerUnit, soundCamera, thumbnailSide, toMap, toScreen, zoomedAt } from './camera'
import { frameWidths } from './frames'
import { boundsOf, drawnAspect, enclosed, halfSize } from './geometry'
import { Gestures } from './gestures'
import { along, ease, GLIDE_MS, prefersStillness } from './glide'
import { GROUNDS, INKS } from './grounds'
import { type DrawOrder, drawOrder, topmostAt } from './order'
import { Pace } from './pace'
import { Pictures } from './pictures'
import { type Pictured, Quads } from './quads'
import { Renderer } from './renderer'
import { Stroke } from './stroke'
import type { Camera, MapEvents, MapPhotos, MapUrls, Placed, Tool, Viewport } from './types'

/** Share of its own colour that a photo keeps while others are selected. */
const DIM = 0.5
const CAMERA_MS = 220
const MOST_PIXELS_PER_PIXEL = 2
/** Thumbnails larger than this on the screen, in device pixels, get their 256 px picture. */
const CLOSE_FROM = 64
const CLOSE_PAUSE_MS = 120
const FIT_MARGIN = 48
const HOVERED_AT_LEAST = 96
/** Pictures put on the GPU in one frame, in motion and at rest. */
const PICTURES_A_FRAME = { moving: 2, still: 8 }
/** Without a GPU frames in motion are drawn more cheaply; this long after the last one follows a fine one. */
const SETTLE_MS = 120

/**
 * The map of thumbnails: drawn on the GPU, zoomed and panned, with photos picked, lassoed and boxed.
 *
 * It fills `host` and draws only when something changed. Where there is no WebGL2 it says so in `host`, and the rest does nothing.
 */
export class MapView {
  private readonly canvas = document.createElement('canvas')
  private readonly notice = document.createElement('p')
  private readonly stroke = new Stroke()
  private gl: WebGL2RenderingContext | null = null
  private renderer: Renderer | null = null
  private pictures: Pictures | null = null
  private gestures: Gestures | null = null
  private resizing: ResizeObserver | null = null

  private readonly what: Pictured
  private readonly quads: Quads
  private drawn: DrawOrder = { opaque: new Int32Array(0), selected: 0, faded: new Int32Array(0) }
  private prepared = 0
  private anySelected = false
  private anyFramed = false
  private hovered = -1
  private pointer: [number, number] | null = null
  private tool: Tool = 'pan'
  private dark = false

  private view: Viewport = { width: 1, height: 1 }
  private at: Camera = { x: 0, y: 0, zoom: 1 }
  private flight: { from: Camera; to: Camera; start: number } | null = null
  private glideStart = -Infinity

  private frame = 0
  private moving = false
  /** told to whoever listens: from the first frame of a movement to the last */
  private restless = false
  private settleTimer: ReturnType<typeof setTimeout> | undefined
  private stale = true
  private closeTimer: ReturnType<typeof setTimeout> | undefined
  private frames: number[] = []
  private pace = new Pace()
  private gone = false

  constructor(
    private readonly host: HTMLElement,
    private readonly photos: MapPhotos,
    private readonly urls: MapUrls,
    private readonly events: MapEvents,
  ) {
    const { count } = photos
    this.quads = new Quads(count)
    this.what = {
      order: photos.order,
      aspect: photos.aspect,
      positions: new Float32Array(2 * count).fill(NaN),
      from: new Float32Array(2 * count).fill(NaN),
      shown: new Uint8Array(count).fill(1),
      selected: new Uint8Array(count),
      marks: new Int16Array(count).fill(-1),
      colours: new Uint8Array(3 * count),
      alpha: null,
      place: (id) => this.pictures!.place(id),
    }
    if (getComputedStyle(host).position === 'static') host.style.position = 'relative'
    this.canvas.style.cssText =
      'position:absolute;inset:0;width:100%;height:100%;display:block;touch-action:none;user-select:none'
    this.canvas.setAttribute('role', 'img')
    this.canvas.setAttribute('aria-label', `Map of ${count} photos`)
    this.notice.setAttribute('role', 'alert')
    this.notice.style.cssText =
      'position:absolute;inset:0;margin:auto;height:fit-content;max-width:32em;padding:1.5em;text-align:center'
    host.append(this.canvas, this.stroke.canvas)
    this.setTheme(false)
    this.setTool('pan')

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
    this.canvas.addEventListener('webglcontextlost', this.lost)
    this.canvas.addEventListener('webglcontextrestored', this.restored)
    if (!this.begin()) return
    this.resizing = new ResizeObserver(() => this.resize())
    this.resizing.observe(host)
    this.resize()
    this.gestures = this.listen()
  }

  /** Rows 0 to n-1 of the prepare order have their tiles: loads sheets not yet held, and a growing one again. */
  setPrepared(n: number): void {
    this.prepared = n
    this.pictures?.setPrepared(n)
  }

  /** Width over height by id, 0 where unknown. */
  setAspect(aspect: Float32Array): void {
    this.what.aspect = aspect
    this.change()
  }

  /** New places [N, 2] by id, NaN for photos without one; photos glide there unless `animate` is false. */
  setPositions(xy: Float32Array, animate = true): void {
    if (animate && !prefersStillness() && !this.gone) {
      this.what.from = along(this.what.from, this.what.positions, this.share())
      this.glideStart = performance.now()
      this.stir()
    } else {
      this.what.from = xy
      this.glideStart = -Infinity
    }
    this.what.positions = xy
    this.change()
  }

  /** Which photos are shown at all, one 0/1 byte by id. */
  setShown(mask: Uint8Array): void {
    this.what.shown = mask
    this.change()
  }

  /** Label colour [N, 3] and colour index (-1 none) by id, drawn as a frame; indices from 10 on change its pattern. */
  setColours(rgb: Uint8Array, marks: Int16Array): void {
    this.what.colours = rgb
    this.what.marks = marks
    this.anyFramed = marks.some((mark) => mark >= 0)
    this.change()
  }

  /** Selected photos, one 0/1 byte by id: ringed and on top, the others dimmed. */
  setSelected(mask: Uint8Array): void {
    this.what.selected = mask
    this.anySelected = mask.includes(1)
    this.change()
  }

  /** Opacity 0 to 1 by id; null shows all photos whole. */
  setAlpha(alpha: Float32Array | null): void {
    this.what.alpha = alpha
    this.change()
  }

  setTool(tool: Tool): void {
    this.tool = tool
    this.endStroke()
    this.showCursor()
  }

  /** Zooms about the centre of the view. */
  zoomBy(factor: number): void {
    const { width, height } = this.view
    this.fly(zoomedAt(this.flight?.to ?? this.at, this.view, factor, width / 2, height / 2))
  }

  /** Moves the photos by (dx, dy) CSS pixels, as dragging them would. */
  panBy(dx: number, dy: number): void {
    this.fly(panned(this.flight?.to ?? this.at, this.view, dx, dy))
  }

  /** Shows all photos that are shown and have a place. */
  fit(): void {
    const { positions, shown } = this.what
    const bounds = boundsOf(positions, (id) => shown[id] === 1)
    // Few photos are drawn large: half of one must fit beside the outermost centre.
    const { opaque, faded } = drawOrder(this.what)
    const side = thumbnailSide(opaque.length + faded.length, 1, this.view)
    this.fly(bounds ? fitted(bounds, this.view, Math.max(FIT_MARGIN, 20 + 0.7 * side)) : { x: 0, y: 0, zoom: 1 })
  }

  get camera(): Camera {
    return { ...(this.flight?.to ?? this.at) }
  }

  set camera(camera: Camera) {
    this.flight = null
    this.at = soundCamera(camera, this.at)
    this.moved(false)
  }

  setTheme(dark: boolean): void {
    this.dark = dark
    this.draw()
  }

  /** Frames a second over the last run of frames (a pause ends a run), and the number of photos now in view. */
  stats(): { fps: number; drawn: number } {
    const { frames } = this
    const span = frames.length > 1 ? frames.at(-1)! - frames[0]! : 0
    return { fps: span > 0 ? (1000 * (frames.length - 1)) / span : 0, drawn: this.inView().length }
  }

  /** The photos whose centre is in view, and where. */
  onScreen(): Placed[] {
    const { positions } = this.what
    // The browser tells of a new size only with its next frame, which also sees what has changed since the last.
    if (this.view.width !== this.host.clientWidth || this.view.height !== this.host.clientHeight) this.resize()
    if (this.stale) this.drawn = drawOrder(this.what)
    return this.inView()
      .map((id) => {
        const [x, y] = toScreen(this.at, this.view, positions[2 * id]!, positions[2 * id + 1]!)
        return { id, x, y }
      })
      .filter(({ x, y }) => x >= 0 && y >= 0 && x < this.view.width && y < this.view.height)
  }

  destroy(): void {
    this.gone = true
    cancelAnimationFrame(this.frame)
    clearTimeout(this.closeTimer)
    clearTimeout(this.settleTimer)
    this.resizing?.disconnect()
    this.gestures?.stop()
    this.pictures?.stop()
    this.canvas.removeEventListener('webglcontextlost', this.lost)
    this.canvas.removeEventListener('webglcontextrestored', this.restored)
    this.gl?.getExtension('WEBGL_lose_context')?.loseContext()
    this.canvas.remove()
    this.stroke.canvas.remove()
    this.notice.remove()
  }

  // --- the GPU ---

  /** Makes all that lives on the GPU, at the start and after a lost context. */
  private begin(): boolean {
    try {
      this.renderer = new Renderer(this.gl!, this.photos.count)
    } catch (error) {
      this.say(`The map cannot be drawn by this browser: ${error instanceof Error ? error.message : String(error)}`)
      return false
    }
    this.pace = new Pace(this.renderer.software)
    this.pictures?.stop()
    this.pictures = new Pictures(this.photos, this.urls, this.renderer.layout, () => this.draw())
    this.pictures.setPrepared(this.prepared)
    this.change()
    return true
  }

  private readonly lost = (event: Event): void => {
    event.preventDefault() // or else it is never restored
    cancelAnimationFrame(this.frame)
    this.frame = 0
    this.renderer = null
    if (!this.gone) this.say('The graphics card took the map away; it comes back as soon as the card allows.')
  }

  private readonly restored = (): void => {
    this.notice.remove()
    if (this.begin()) this.resize()
  }

  private say(text: string): void {
    this.notice.textContent = text
    this.host.append(this.notice)
  }

  private get ratio(): number {
    const own = Math.min(MOST_PIXELS_PER_PIXEL, window.devicePixelRatio || 1)
    return this.renderer?.software ? Math.min(1, own) : own
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.host
    this.view = { width: Math.max(1, clientWidth), height: Math.max(1, clientHeight) }
    // Setting the size wipes the canvas: drawing at once spares a blank frame.
    cancelAnimationFrame(this.frame)
    this.render()
    this.wantClose()
  }

  // --- when to draw ---

  /** The photos or their looks changed: the quads are packed again before the next frame. */
  private change(): void {
    this.stale = true
    this.draw()
    this.wantClose()
  }

  private draw(): void {
    if (this.frame || this.gone || !this.renderer) return
    this.frame = requestAnimationFrame(() => this.render())
  }

  private render(): void {
    this.frame = 0
    const { renderer, pictures } = this
    if (!renderer || !pictures || this.gone) return
    const now = performance.now()
    this.count(now)
    const t = this.share(now)
    if (t < 1 || this.flight) this.moving = true
    if (this.flight) this.advance(this.flight, now)

    if (pictures.waiting) {
      const ids = pictures.deliver(
        (...picture) => renderer.put(...picture),
        this.moving ? PICTURES_A_FRAME.moving : PICTURES_A_FRAME.still,
      )
      if (!ids) this.stale = true
      else if (!this.stale) {
        for (const id of ids) {
          const slot = this.quads.replace(id, this.what)
          if (slot >= 0) renderer.setQuad(this.quads, slot)
        }
        if (ids.includes(this.hovered)) this.sendHovered()
      }
    }
    if (this.stale) {
      this.stale = false
      this.drawn = drawOrder(this.what)
      this.quads.pack(this.drawn, this.what)
      this.quads.hover(this.canHover(this.hovered) ? this.hovered : -1, this.what)
      renderer.setQuads(this.quads)
    }

    if (this.moving) this.pace.frame(now)
    const ratio = this.resolve()
    const side = this.side()
    const { hairline, frame, ring } = frameWidths(side)
    renderer.draw(
      {
        t,
        centre: [this.at.x, this.at.y],
        scale: pixelsPerUnit(this.at, this.view) * ratio,
        side: side * ratio,
        hoveredSide: Math.max(side * 1.35, Math.min(HOVERED_AT_LEAST, side * 4)) * ratio,
        hairline: renderer.software && this.moving ? 0 : hairline * ratio,
        frame: frame * ratio,
        ring: ring * ratio,
        framed: this.anyFramed,
        selected: this.drawn.selected,
        keep: this.anySelected ? DIM : 1,
        moving: this.moving,
        ground: this.dark ? GROUNDS.dark : GROUNDS.light,
        ink: this.dark ? INKS.dark : INKS.light,
      },
      this.quads,
    )
    if (this.stroke.drawing) this.stroke.draw(this.at, this.view)
    if (t < 1 || this.flight || pictures.waiting) this.draw()
    // The last frame of a movement may find it over already: its end is still to be told.
    if (this.moving || this.restless) this.settle()
  }

  /** Gives the canvas the resolution of this frame; device pixels per CSS pixel. */
  private resolve(): number {
    const ratio = this.ratio * (this.moving ? this.pace.share : 1)
    const width = Math.round(this.view.width * ratio)
    const height = Math.round(this.view.height * ratio)
    if (this.canvas.width !== width) this.canvas.width = width
    if (this.canvas.height !== height) this.canvas.height = height
    return ratio
  }

  private stir(): void {
    if (!this.renderer) return
    this.moving = true
    if (this.restless) return
    this.restless = true
    this.events.moving(true)
  }

  private settle(): void {
    clearTimeout(this.settleTimer)
    this.settleTimer = setTimeout(() => {
      this.moving = false
      this.pace.rest()
      this.draw()
      // Where a frame takes longer than this pause, the movement is not over yet.
      if (!this.restless || this.flight || this.share() < 1) return
      this.restless = false
      this.events.moving(false)
    }, SETTLE_MS)
  }

  private count(now: number): void {
    // A pause is rest, not slowness: counting begins anew after it.
    if (now - (this.frames.at(-1) ?? now) > 500) this.frames = []
    this.frames.push(now)
    if (this.frames.length > 90) this.frames.shift()
  }

  private share(now = performance.now()): number {
    return ease((now - this.glideStart) / GLIDE_MS)
  }

  // --- the camera ---

  private fly(to: Camera): void {
    if (prefersStillness()) {
      this.at = to
      this.moved(true)
      return
    }
    this.flight = { from: this.at, to, start: performance.now() }
    this.stir()
    this.events.camera({ ...to })
    this.draw()
  }

  private advance({ from, to, start }: { from: Camera; to: Camera; start: number }, now: number): void {
    const t = ease((now - start) / CAMERA_MS)
    this.at = between(from, to, t)
    if (t < 1) return
    this.flight = null
    this.wantClose()
  }

  private moved(tell: boolean): void {
    this.moving = true
    if (tell) this.events.camera({ ...this.at })
    this.draw()
    this.wantClose()
  }

  private side(): number {
    const { opaque, faded } = this.drawn
    return thumbnailSide(opaque.length + faded.length, this.at.zoom, this.view)
  }

  // --- pictures seen close up ---

  /** ids in view, those nearest to the centre first */
  private inView(): number[] {
    const { positions, aspect } = this.what
    const k = pixelsPerUnit(this.at, this.view)
    const side = this.side()
    const { width, height } = this.view
    const found: { id: number; distance: number }[] = []
    for (const ids of [this.drawn.opaque, this.drawn.faded]) {
      for (const id of ids) {
        const dx = Math.abs(positions[2 * id]! - this.at.x) * k
        const dy = Math.abs(positions[2 * id + 1]! - this.at.y) * k
        const [halfWidth, halfHeight] = halfSize(side, drawnAspect(aspect[id]!))
        if (dx - halfWidth < width / 2 && dy - halfHeight < height / 2) found.push({ id, distance: dx * dx + dy * dy })
      }
    }
    return found.sort((a, b) => a.distance - b.distance).map(({ id }) => id)
  }

  private wantClose(): void {
    if (this.closeTimer !== undefined) return
    this.closeTimer = setTimeout(() => {
      this.closeTimer = undefined
      if (this.gone || !this.pictures) return
      const wanted = this.side() * this.ratio > CLOSE_FROM ? this.inView() : []
      if (this.hovered >= 0) wanted.unshift(this.hovered)
      this.pictures.wantClose(wanted)
    }, CLOSE_PAUSE_MS)
  }

  // --- the pointer ---

  private listen(): Gestures {
    return new Gestures(this.canvas, {
      tool: () => this.tool,
      pan: (dx, dy) => {
        this.flight = null
        this.at = panned(this.at, this.view, dx, dy)
        this.moved(true)
      },
      zoom: (factor, x, y) => {
        this.flight = null
        this.at = zoomedAt(this.at, this.view, factor, x, y)
        this.moved(true)
        if (this.pointer) this.setHovered(this.photoAt(x, y))
      },
      strokeStart: (x, y, mode) => {
        this.stroke.begin(this.tool === 'box' ? 'box' : 'lasso', mode, this.at, this.view, x, y)
      },
      strokeMove: (x, y) => {
        this.stroke.extend(this.at, this.view, x, y)
        this.drawStroke()
      },
      strokeEnd: () => {
        const { polygon, mode } = this.stroke.end()
        this.events.select(this.enclosedBy(polygon), mode)
      },
      strokeCancel: () => this.endStroke(),
      click: (x, y, mode) => {
        const id = this.photoAt(x, y)
        if (id >= 0) this.events.pick(id, mode)
        // With the selecting tools, a click beside the photos selects none.
        else if (mode === 'replace' && this.tool !== 'pan') this.events.select(this.enclosedBy([]), mode)
      },
      doubleClick: (x, y) => {
        const id = this.photoAt(x, y)
        if (id >= 0) this.events.open(id)
      },
      hover: (x, y) => {
        this.pointer = [x, y]
        this.setHovered(this.photoAt(x, y))
      },
      leave: () => {
        this.pointer = null
        this.setHovered(-1)
      },
      grabbing: (on) => this.showCursor(on),
    })
  }

  private drawStroke(): void {
    // Drawn at once: the map below stays as it is, so no frame of it is needed.
    this.stroke.draw(this.at, this.view)
  }

  private endStroke(): void {
    this.stroke.cancel()
  }

  private enclosedBy(polygon: number[]): Uint8Array {
    const { opaque, faded } = this.drawn
    const mask = enclosed(polygon, this.what.positions, opaque, this.photos.count)
    enclosed(polygon, this.what.positions, faded, this.photos.count).forEach((one, id) => {
      if (one) mask[id] = 1
    })
    return mask
  }

  private photoAt(left: number, top: number): number {
    const [x, y] = toMap(this.at, this.view, left, top)
    const side = this.side() / pixelsPerUnit(this.at, this.view)
    const half = (id: number) => halfSize(side, drawnAspect(this.what.aspect[id]!))
    return topmostAt(this.drawn, this.what.positions, half, x, y)
  }

  private setHovered(id: number): void {
    if (id === this.hovered) return
    this.hovered = id
    this.showCursor()
    this.events.hover(id)
    if (!this.stale) this.sendHovered()
    this.draw()
    this.wantClose()
  }

  private canHover(id: number): boolean {
    return id >= 0 && this.what.shown[id] === 1 && Number.isFinite(this.what.positions[2 * id]!)
  }

  private sendHovered(): void {
    this.quads.hover(this.canHover(this.hovered) ? this.hovered : -1, this.what)
    this.renderer?.setQuad(this.quads, 0)
  }

  private showCursor(grabbing = false): void {
    this.canvas.style.cursor = grabbing
      ? 'grabbing'
      : this.tool !== 'pan'
        ? 'crosshair'
        : this.hovered >= 0
          ? 'pointer'
          : 'grab'
  }
}
