import { AdaptiveResolution } from './adaptive-resolution'
import { Arrangement } from './arrangement'
import { BACKGROUNDS, HAIRLINE_COLOURS, RING_COLOURS } from './background'
import { BoxByKeys, type Key } from './box-by-keys'
import { panned, pixelsPerUnit, toMap, toScreen, validCamera, zoomedAt } from './camera'
import { CameraMotion } from './camera-motion'
import { Choice } from './choice'
import { FrameRate } from './frame-rate'
import { Gestures } from './gestures'
import { EDGE_BELOW, frameWidths } from './label-frames'
import { MapPicture, SQUARES } from './map-picture'
import { PictureLoader } from './picture-loader'
import { type QuadInput, Quads } from './quads'
import { Renderer } from './renderer'
import type { Stage } from './stage'
import { Stroke } from './stroke'
import { Surface } from './surface'
import { MOST_RESIDENT } from './texture-layout'
import { prefersReducedMotion } from './transition'
import type { Camera, Insets, MapEvents, MapPhotos, MapUrls, Placed, Tool } from './types'

/** In place of a picture that has not arrived. */
const NOWHERE = { x: 0, y: 0, layer: 0, side: 0 }
/** Share of its own colour that a photo keeps while others are selected. */
const DIM = 0.5
const MOST_PIXELS_PER_PIXEL = 2
/** Thumbnails larger than this on the screen, in device pixels, get their 256 px picture. */
const CLOSE_FROM = 64
const CLOSE_PAUSE_MS = 120
const HOVERED_AT_LEAST = 96
/** Pictures put on the GPU in one frame, in motion and at rest. */
const PICTURES_A_FRAME = { moving: 2, still: 8 }
/** Without a GPU, frames in motion have less detail; a detailed one follows this long after the last of them. */
const SETTLE_MS = 120

/**
 * The map of thumbnails: drawn on the GPU, zoomed and panned, with photos picked, lassoed and boxed.
 *
 * It fills `host` and draws only when something changed. Without WebGL2 a notice in `host` says so, and nothing else happens.
 */
export class MapView {
  private readonly surface: Surface
  private readonly stroke = new Stroke()
  private readonly boxByKeys: BoxByKeys
  private renderer: Renderer | null = null
  private pictures: PictureLoader | null = null
  private gestures: Gestures | null = null
  private resizing: ResizeObserver | null = null

  private readonly stage: Stage
  private readonly motion = new CameraMotion()
  private readonly arrangement: Arrangement
  private readonly choice: Choice
  /** of a large map, what lies below the photos that are drawn one by one */
  private readonly picture: MapPicture | null
  private readonly input: QuadInput
  private readonly quads: Quads

  private prepared = 0
  private anySelected = false
  /** photos that lack their own picture are seen in that of the map */
  private isOverPicture = false
  private anyFramed = false
  /** whether the camera shows all photos and goes on doing so when they or the pane change */
  private following = true
  private hovered = -1
  private pointer: [number, number] | null = null
  private tool: Tool = 'pan'
  private dark = false

  private frame = 0
  private moving = false
  /** what `events.moving` was last told: true from the first frame of a movement to the last */
  private reportedMoving = false
  /** whether something has moved since the last frame */
  private hasMoved = false
  private settleTimer: ReturnType<typeof setTimeout> | undefined
  private stale = true
  private closeTimer: ReturnType<typeof setTimeout> | undefined
  private readonly frameRate = new FrameRate()
  private resolution = new AdaptiveResolution()
  private destroyed = false

  constructor(
    private readonly host: HTMLElement,
    private readonly photos: MapPhotos,
    private readonly urls: MapUrls,
    private readonly events: MapEvents,
    insets: () => Insets = () => ({ top: 0, right: 0, bottom: 0, left: 0 }),
  ) {
    const { count } = photos
    this.quads = new Quads(count)
    this.input = {
      order: photos.order,
      aspect: photos.aspect,
      positions: new Float32Array(2 * count).fill(NaN),
      from: new Float32Array(2 * count).fill(NaN),
      shown: new Uint8Array(count).fill(1),
      selected: new Uint8Array(count),
      marks: new Int16Array(count).fill(-1),
      colours: new Uint8Array(3 * count),
      alpha: null,
      // Over the map's picture a photo without its own is drawn as a frame alone.
      place: (id) => (this.choice.drawing === 'marks' && !this.pictures!.has(id) ? NOWHERE : this.pictures!.place(id)),
      isBelow: (id) => this.isOverPicture && !this.pictures!.has(id),
    }
    const isLarge = count > MOST_RESIDENT
    const view = { width: 1, height: 1 }
    this.stage = { photos, input: this.input, motion: this.motion, view, insets, size: 1, isLarge }
    this.arrangement = new Arrangement(this.stage)
    this.choice = new Choice(this.stage, this.arrangement)
    this.picture = isLarge ? new MapPicture(this.stage, this.arrangement, urls.square, () => this.draw()) : null
    this.surface = new Surface(host, `Map of ${count} photos`, {
      lost: () => {
        cancelAnimationFrame(this.frame)
        this.frame = 0
        this.renderer = null
      },
      restored: () => {
        if (this.begin()) this.resize()
      },
    })
    this.boxByKeys = new BoxByKeys(this.stage, this.stroke, {
      panned: () => this.moved(true),
      drawn: (polygon) => this.events.boxed(this.choice.within(polygon).reduce((n, one) => n + one, 0)),
      closed: (polygon, mode) => this.events.select(this.choice.within(polygon), mode, 'box'),
      pressed: (x, y, mode) => {
        const id = this.photoAt(x, y)
        if (id >= 0) this.events.pick(id, mode)
      },
    })
    host.append(this.stroke.canvas, this.boxByKeys.cross)
    this.setTheme(false)
    this.setTool('pan')
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
    this.input.aspect = aspect
    this.change()
  }

  /** New places [N, 2] by id, NaN for photos without one; photos move there unless `animate` is false. */
  setPositions(xy: Float32Array, animate = true): void {
    this.arranged(this.arrangement.put(xy, animate && !this.destroyed))
    if (this.following) this.follow(animate)
  }

  /** Lays the photos out without overlap, each near its place, or puts them back. */
  setSpread(on: boolean): void {
    if (on === this.arrangement.isSpread) return
    this.arranged(this.arrangement.spread(on))
    if (this.following) this.follow(true)
  }

  /** How many photos of a large map are in view, of which a spread takes at most `MOST_SPREAD`; null of a small map. */
  get inViewToSpread(): number | null {
    return this.arrangement.inViewToSpread
  }

  /** How large photos are drawn, as a multiple of their usual size; spread out, they never fill more than their cells. */
  setSize(size: number): void {
    this.stage.size = size
    this.draw()
    this.wantClose()
  }

  /** Which photos are shown at all, one 0/1 byte by id. */
  setShown(mask: Uint8Array): void {
    this.input.shown = mask
    this.arrangement.count()
    if (this.arrangement.isSpread) this.arranged(this.arrangement.arrange(!this.destroyed))
    else this.change()
    // Nothing moves when photos are hidden; when some are shown that are not in view, the map makes room for them.
    if (this.following && (this.arrangement.isSpread || this.arrangement.whole().zoom < this.motion.target.zoom)) {
      this.follow(true)
    }
  }

  /** Label colour [N, 3] and colour index (-1 none) by id, drawn as a frame; indices from 10 on change its pattern. */
  setColours(rgb: Uint8Array, marks: Int16Array): void {
    this.input.colours = rgb
    this.input.marks = marks
    this.anyFramed = isAnyAtLeastZero(marks)
    this.change()
  }

  /** Selected photos, one 0/1 byte by id: ringed and on top, the others dimmed. */
  setSelected(mask: Uint8Array): void {
    this.input.selected = mask
    this.anySelected = mask.includes(1)
    this.choice.forgetRings()
    this.change()
  }

  /** Opacity 0 to 1 by id; null shows all photos whole. */
  setAlpha(alpha: Float32Array | null): void {
    this.input.alpha = alpha
    this.change()
  }

  setTool(tool: Tool): void {
    this.tool = tool
    this.stroke.cancel()
    this.boxByKeys.leave()
    this.showCursor()
  }

  /** Zooms about the centre of the view. */
  zoomBy(factor: number): void {
    const { width, height } = this.stage.view
    this.go(zoomedAt(this.motion.target, this.stage.view, factor, width / 2, height / 2))
  }

  /** Moves the photos by (dx, dy) CSS pixels, as dragging them would. */
  panBy(dx: number, dy: number): void {
    this.go(panned(this.motion.target, this.stage.view, dx, dy))
  }

  /** Shows all photos that are shown and have a place, until the person moves the map. */
  fit(): void {
    this.following = true
    this.follow(true)
    this.events.camera(null)
  }

  get camera(): Camera {
    return { ...this.motion.target }
  }

  set camera(camera: Camera) {
    this.following = false
    this.motion.jump(validCamera(camera, this.motion.now))
    this.moved(false)
  }

  setTheme(dark: boolean): void {
    this.dark = dark
    this.draw()
  }

  /** What the last frames were: a second, photos in view, photos and squares drawn; bytes of the textures; whether all is there. */
  stats(): { fps: number; inView: number; single: number; squares: number; textureBytes: number; settled: boolean } {
    return {
      fps: this.frameRate.perSecond,
      inView: this.choice.inView().length,
      single: this.quads.count - 1,
      squares: this.picture?.drawn ?? 0,
      textureBytes: this.renderer?.textureBytes ?? 0,
      settled: this.settled,
    }
  }

  /** The photos whose centre is in view, and where. */
  onScreen(): Placed[] {
    const { host } = this
    // The browser tells of a new size only with its next frame, which also sees what has changed since the last.
    if (this.stage.view.width !== host.clientWidth || this.stage.view.height !== host.clientHeight) this.resize()
    if (this.stale && this.pictures) this.choice.choose(this.pictures, this.picture?.works ?? false)
    const { view } = this.stage
    const { positions } = this.input
    return this.choice
      .inView()
      .map((id) => {
        const [x, y] = toScreen(this.motion.now, view, positions[2 * id]!, positions[2 * id + 1]!)
        return { id, x, y }
      })
      .filter(({ x, y }) => x >= 0 && y >= 0 && x < view.width && y < view.height)
  }

  /** The ids of the photos in view. */
  get idsInSight(): number[] {
    return this.choice.inView()
  }

  /** A key was pressed while the map has the focus; says whether it was for the map, as `BoxByKeys` is with lasso or box. */
  key(event: Key): boolean {
    return this.tool !== 'pan' && this.renderer !== null && this.boxByKeys.key(event)
  }

  /** Puts the crosshair and an unfinished box away. */
  leaveCrosshair(): void {
    this.boxByKeys.leave()
  }

  destroy(): void {
    this.destroyed = true
    cancelAnimationFrame(this.frame)
    clearTimeout(this.closeTimer)
    clearTimeout(this.settleTimer)
    this.resizing?.disconnect()
    this.gestures?.stop()
    this.pictures?.stop()
    this.picture?.stop()
    this.surface.destroy()
    this.stroke.canvas.remove()
    this.boxByKeys.cross.remove()
  }

  // --- the GPU ---

  /** Makes everything that is kept on the GPU, at the start and after a lost context. */
  private begin(): boolean {
    if (!this.surface.gl) return false
    try {
      this.renderer = new Renderer(this.surface.gl, this.photos.count)
    } catch (error) {
      this.surface.say(
        `The map cannot be drawn by this browser: ${error instanceof Error ? error.message : String(error)}`,
      )
      return false
    }
    this.resolution = new AdaptiveResolution(this.renderer.software)
    this.pictures?.stop()
    this.pictures = new PictureLoader(this.photos, this.urls, this.renderer.layout, () => this.draw())
    this.pictures.setPrepared(this.prepared)
    if (this.picture) this.renderer.holdSquares(SQUARES)
    this.picture?.lose()
    this.change()
    return true
  }

  private get ratio(): number {
    const own = Math.min(MOST_PIXELS_PER_PIXEL, window.devicePixelRatio || 1)
    return this.renderer?.software ? Math.min(1, own) : own
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.host
    this.stage.view = { width: Math.max(1, clientWidth), height: Math.max(1, clientHeight) }
    if (this.arrangement.isOtherShape) this.arranged(this.arrangement.arrange(false))
    else this.change()
    if (this.following) this.follow(false)
    // Setting the size wipes the canvas: drawing at once spares a blank frame.
    cancelAnimationFrame(this.frame)
    this.render()
    this.wantClose()
  }

  // --- when to draw ---

  /** The photos or how they look changed: the quads are packed again before the next frame. */
  private change(): void {
    this.stale = true
    this.draw()
    this.wantClose()
  }

  private draw(): void {
    if (this.frame || this.destroyed || !this.renderer) return
    this.frame = requestAnimationFrame(() => this.render())
  }

  private render(): void {
    this.frame = 0
    const { renderer, pictures, picture, choice } = this
    if (!renderer || !pictures || this.destroyed) return
    const now = performance.now()
    this.frameRate.count(now)
    const isOnTheWay = this.arrangement.progress(now) < 1
    if (isOnTheWay || this.motion.flying) this.moving = this.hasMoved = true
    if (this.motion.advance(now)) this.wantClose()

    this.putPictures(pictures, renderer)
    const worked = picture?.works
    const wanted = !(choice.drawing === 'single' && choice.complete)
    const { dark, moving, ratio } = this
    const squares = picture?.next(renderer, now, { dark, moving, ratio, wanted }) ?? []
    if (picture?.works !== worked || choice.isOutside(pictures)) this.stale = true
    if (this.stale) {
      this.stale = false
      this.pack(pictures, renderer)
      if (wanted === (choice.drawing === 'single' && choice.complete)) this.draw() // squares begin to come or go
    }
    if (moving) this.resolution.frame(now)
    renderer.draw({ ...this.look(), squares, squaresOpacity: picture?.opacity ?? 0 }, this.quads)
    if (this.stroke.drawing) this.stroke.draw(this.motion.now, this.stage.view)
    if (isOnTheWay || this.motion.flying || pictures.waiting || picture?.waiting || picture?.fading) this.draw()
    // Frames that only put pictures in place do not prolong a movement: without a GPU they wait for its end.
    // The last frame of a movement may find it over already: its end still has to be reported.
    if (this.hasMoved || (this.settleTimer === undefined && (this.moving || this.reportedMoving))) this.settle()
    this.hasMoved = false
  }

  private putPictures(pictures: PictureLoader, renderer: Renderer): void {
    if (!pictures.waiting) return
    const most = this.moving ? PICTURES_A_FRAME.moving : PICTURES_A_FRAME.still
    // Where the map's picture shows them, photos get their own when the movement is over: without a GPU that takes long.
    if (this.moving && renderer.software && this.picture?.works) return
    const ids = pictures.deliver((...one) => renderer.put(...one), most)
    if (!ids) this.stale = true
    if (this.stale) return
    for (const id of ids!) {
      const slot = this.quads.replace(id, this.input)
      if (slot >= 0) renderer.setQuad(this.quads, slot)
    }
    if (ids!.includes(this.hovered)) this.sendHovered()
  }

  private pack(pictures: PictureLoader, renderer: Renderer): void {
    const works = this.picture?.works ?? false
    this.choice.choose(pictures, works)
    this.isOverPicture = works && this.choice.drawing === 'single'
    this.quads.pack(this.choice.drawn, this.input)
    this.quads.hover(this.canHover(this.hovered) ? this.hovered : -1, this.input)
    renderer.setQuads(this.quads)
  }

  /** How the photos are drawn now, at the resolution of this frame. */
  private look(): Omit<Parameters<Renderer['draw']>[0], 'squares' | 'squaresOpacity'> {
    const { arrangement, choice, motion, moving } = this
    const software = this.renderer?.software === true
    const ratio = this.resolve()
    const side = choice.side()
    const { hairline, frame, ring } = arrangement.withinGap(frameWidths(side), side)
    const scheme = this.dark ? 'dark' : 'light'
    return {
      t: arrangement.progress(),
      centre: [motion.now.x, motion.now.y],
      scale: pixelsPerUnit(motion.now, this.stage.view) * ratio,
      side: side * ratio,
      hoveredSide: Math.max(side * 1.35, Math.min(HOVERED_AT_LEAST, side * 4)) * ratio,
      cell: [arrangement.cell.aspect, arrangement.spreadShare()],
      hairline: software && moving ? 0 : hairline * ratio,
      frame: frame * ratio,
      ring: ring * ratio,
      edge: side < EDGE_BELOW,
      framed: this.anyFramed,
      selected: choice.drawn.selected,
      keep: this.anySelected && choice.areLit ? DIM : 1,
      moving,
      hollow: choice.drawing === 'marks',
      background: BACKGROUNDS[scheme],
      hairlineColour: HAIRLINE_COLOURS[scheme],
      ringColour: RING_COLOURS[scheme],
    }
  }

  /** Gives the canvas the resolution of this frame; device pixels per CSS pixel. */
  private resolve(): number {
    const { width, height } = this.stage.view
    const ratio = this.ratio * (this.moving ? this.resolution.share : 1)
    this.surface.resize(Math.round(width * ratio), Math.round(height * ratio))
    return ratio
  }

  /** Whether nothing moves, and each photo in view is drawn with its picture. */
  private get settled(): boolean {
    const { choice, picture } = this
    if (this.moving || this.frame !== 0 || this.stale) return false
    if (!picture) return !this.pictures?.waiting
    return choice.drawing === 'single'
      ? choice.complete && picture.opacity === 0
      : picture.works && picture.sharp && !picture.fading
  }

  private startMoving(): void {
    if (!this.renderer) return
    this.moving = this.hasMoved = true
    if (this.reportedMoving) return
    this.reportedMoving = true
    this.events.moving(true)
  }

  private settle(): void {
    clearTimeout(this.settleTimer)
    this.settleTimer = setTimeout(() => {
      this.settleTimer = undefined
      this.moving = false
      this.resolution.rest()
      this.draw()
      // Where a frame takes longer than this pause, the movement is not over yet.
      if (!this.reportedMoving || this.motion.flying || this.arrangement.progress() < 1) return
      this.reportedMoving = false
      this.events.moving(false)
    }, SETTLE_MS)
  }

  /** The photos have other places; `moves`: they go there step by step. */
  private arranged(moves: boolean): void {
    if (moves) this.startMoving()
    if (this.picture) this.picture.covered = false
    this.change()
  }

  // --- the camera ---

  /** Moves the camera to where all photos are in view. */
  private follow(animate: boolean): void {
    const whole = this.arrangement.whole()
    if (animate) this.fly(whole)
    else {
      this.motion.jump(whole)
      this.draw()
      this.wantClose()
    }
  }

  private fly(to: Camera): void {
    if (prefersReducedMotion()) {
      this.motion.jump(to)
      this.moved(false)
      return
    }
    this.motion.fly(to, performance.now())
    this.startMoving()
    this.draw()
  }

  /** Flies where the person wants to look, who from now on decides what is in view. */
  private go(to: Camera): void {
    this.following = false
    this.fly(to)
    this.events.camera({ ...to })
  }

  private moved(tell: boolean): void {
    this.moving = this.hasMoved = true
    if (tell) {
      this.following = false
      this.events.camera({ ...this.motion.now })
    }
    this.draw()
    this.wantClose()
  }

  /** Asks for the pictures of photos that are seen large, after a pause. */
  private wantClose(): void {
    if (this.closeTimer !== undefined) return
    this.closeTimer = setTimeout(() => {
      this.closeTimer = undefined
      if (this.destroyed || !this.pictures) return
      const { choice } = this
      const large = choice.side() * this.ratio > CLOSE_FROM && (!this.picture || choice.drawing === 'single')
      const wanted = large ? choice.drawnInView() : []
      if (this.hovered >= 0) wanted.unshift(this.hovered)
      this.pictures.wantClose(wanted)
    }, CLOSE_PAUSE_MS)
  }

  // --- the pointer ---

  private listen(): Gestures {
    return new Gestures(this.surface.canvas, {
      tool: () => this.tool,
      pan: (dx, dy) => {
        this.motion.jump(panned(this.motion.now, this.stage.view, dx, dy))
        this.moved(true)
      },
      zoom: (factor, x, y) => {
        this.motion.jump(zoomedAt(this.motion.now, this.stage.view, factor, x, y))
        this.moved(true)
        if (this.pointer) this.setHovered(this.photoAt(x, y))
      },
      strokeStart: (x, y, mode) => {
        this.stroke.begin(this.tool === 'box' ? 'box' : 'lasso', mode, this.motion.now, this.stage.view, x, y)
      },
      strokeMove: (x, y) => {
        this.stroke.extend(this.motion.now, this.stage.view, x, y)
        // Drawn at once: the map below stays as it is, so no frame of it is needed.
        this.stroke.draw(this.motion.now, this.stage.view)
      },
      strokeEnd: () => {
        const { polygon, mode, kind } = this.stroke.end()
        this.events.select(this.choice.within(polygon), mode, kind)
      },
      strokeCancel: () => this.stroke.cancel(),
      click: (x, y, mode) => {
        const id = this.photoAt(x, y)
        if (id >= 0) this.events.pick(id, mode)
        // With the selecting tools, a click beside the photos selects none.
        else if (mode === 'replace' && this.tool !== 'pan') this.events.clear()
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

  private photoAt(left: number, top: number): number {
    const [x, y] = toMap(this.motion.now, this.stage.view, left, top)
    return this.pictures ? this.choice.at(x, y, this.pictures) : -1
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
    return id >= 0 && this.input.shown[id] === 1 && Number.isFinite(this.input.positions[2 * id]!)
  }

  private sendHovered(): void {
    this.quads.hover(this.canHover(this.hovered) ? this.hovered : -1, this.input)
    this.renderer?.setQuad(this.quads, 0)
  }

  private showCursor(grabbing = false): void {
    this.surface.canvas.style.cursor = grabbing
      ? 'grabbing'
      : this.tool !== 'pan'
        ? 'crosshair'
        : this.hovered >= 0
          ? 'pointer'
          : 'grab'
  }
}

/** Without a call for each: there are a million. */
function isAnyAtLeastZero(marks: Int16Array): boolean {
  for (let id = 0; id < marks.length; id++) if (marks[id]! >= 0) return true
  return false
}
