import { AdaptiveResolution } from './adaptive-resolution'
import { BACKGROUNDS, HAIRLINE_COLOURS, RING_COLOURS } from './background'
import {
  fitted,
  freeOf,
  LARGEST_SIDE,
  panned,
  pixelsPerUnit,
  stretchFor,
  thumbnailSide,
  toMap,
  toScreen,
  validCamera,
  zoomedAt,
} from './camera'
import { CameraMotion } from './camera-motion'
import { Crosshair } from './crosshair'
import { type DrawOrder, drawOrder, topmostAt } from './draw-order'
import { FrameRate } from './frame-rate'
import { boundsOf, drawnAspect, halfSize, shrunkInto } from './geometry'
import { Gestures, modeOf } from './gestures'
import { GridIndex } from './grid-index'
import { drawnWithin, idsInView } from './in-view'
import { EDGE_BELOW, frameWidths } from './label-frames'
import { type DrawnSquare, MapSquares } from './map-squares'
import { PictureLoader } from './picture-loader'
import { type QuadInput, Quads } from './quads'
import { Renderer } from './renderer'
import { spread } from './spread'
import { drawnSide, levelFor, reachFor, stretchOf, stretchStep, zoomOf } from './square-layout'
import { Stroke } from './stroke'
import { Surface } from './surface'
import { MOST_RESIDENT } from './texture-layout'
import { ease, interpolated, prefersReducedMotion, TRANSITION_MS } from './transition'
import type { Bounds, Camera, Insets, MapEvents, MapPhotos, MapUrls, Placed, Tool, Viewport } from './types'

/** Of a large map so many photos are drawn one by one where no more are in view; of more, the map's picture is. */
const MOST_SINGLE = 4000
/** So many photos, the first of the prepare order, are drawn where the map's picture cannot be. */
const MOST_SAMPLED = 8000
/** So many photos in view of a large map can be spread out. */
export const MOST_SPREAD = MOST_SINGLE
/** Squares of the map's picture on the GPU: 64 MiB. */
const SQUARES = 256
const SQUARES_FADE_MS = 200
/** Photos are chosen for the view and so much around it, as a share of its size. */
const AROUND = 0.35
/** So many selected photos are drawn over the map's picture, which is dimmed; of more, only the rings are. */
const MOST_LIT = 1024
const NOWHERE = { x: 0, y: 0, layer: 0, side: 0 }
/** Hairlines are drawn on squares about photos of at least this side, in pixels of the square. */
const LINE_FROM = 14

/** Share of its own colour that a photo keeps while others are selected. */
const DIM = 0.5
const MOST_PIXELS_PER_PIXEL = 2
/** Thumbnails larger than this on the screen, in device pixels, get their 256 px picture. */
const CLOSE_FROM = 64
const CLOSE_PAUSE_MS = 120
const FIT_MARGIN = 24
const FIT_MARGIN_SPREAD = 8
/** Share of its cell, in each direction, that a photo takes when the photos are spread out. */
const FILLED = 0.92
/** Half the longer side of the longest strip drawn, over the side of its square. */
const MOST_HALF = Math.sqrt(8) / 2
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
  private readonly crosshair = new Crosshair()
  private readonly cross = document.createElement('div')
  private renderer: Renderer | null = null
  private pictures: PictureLoader | null = null
  private gestures: Gestures | null = null
  private resizing: ResizeObserver | null = null

  private readonly input: QuadInput
  private readonly quads: Quads
  private drawn: DrawOrder = { opaque: new Int32Array(0), selected: 0, faded: new Int32Array(0) }
  private prepared = 0
  private anySelected = false
  private anyFramed = false
  /** [N, 2] by id, as they came; `input.positions` has them stretched, and perhaps spread out */
  private places: Float32Array
  private stretch: [number, number] = [1, 1]
  private isSpread = false
  /** the cells of the latest spread */
  private cell = { side: 0, aspect: 1 }
  /** share of the way to being spread out that the photos had come when the transition began */
  private spreadBefore = 0
  /** what a large map is drawn by; null where all photos are drawn one by one */
  private readonly squares: MapSquares | null
  private index: GridIndex | null = null
  /** photos that are shown and have a place */
  private shownCount = 0
  /** the first so many of the prepare order are shown, and no others; -1 where others are */
  private firstShown = -1
  /** what is drawn one by one: all in view, the first of those, or only what is marked, over the map's picture */
  private drawing: 'single' | 'sample' | 'marks' = 'sample'
  /** photos with a ring or a frame, each in prepare order; null when it has to be found again */
  private marked: Int32Array | null = null
  /** the part of the map that photos were chosen for, and the zoom then */
  private chosen: (Bounds & { zoom: number }) | null = null
  /** whether all photos to be drawn one by one have their picture */
  private complete = false
  private squaresOpacity = 1
  private squaresTime = 0
  /** photos of the prepare order up to the last one that is shown and has a place, and what tells their places from others */
  private shownRows = 0
  private placesSum = 0
  private stretchedBy = 0
  /** the photos of a large map that are spread out */
  private spreadOut: number[] = []
  private size = 1
  /** whether the camera shows all photos and goes on doing so when they or the pane change */
  private following = true
  private hovered = -1
  private pointer: [number, number] | null = null
  private tool: Tool = 'pan'
  private dark = false

  private view: Viewport = { width: 1, height: 1 }
  private readonly motion = new CameraMotion()
  /** when the photos began to move to their new places */
  private transitionStart = -Infinity

  private frame = 0
  private moving = false
  /** what `events.moving` was last told: true from the first frame of a movement to the last */
  private reportedMoving = false
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
    private readonly insets: () => Insets = () => ({ top: 0, right: 0, bottom: 0, left: 0 }),
  ) {
    const { count } = photos
    this.quads = new Quads(count)
    this.places = new Float32Array(2 * count).fill(NaN)
    this.input = {
      order: photos.order,
      aspect: photos.aspect,
      positions: this.places,
      from: new Float32Array(2 * count).fill(NaN),
      shown: new Uint8Array(count).fill(1),
      selected: new Uint8Array(count),
      marks: new Int16Array(count).fill(-1),
      colours: new Uint8Array(3 * count),
      alpha: null,
      // Over the map's picture a photo without its own is drawn as a frame alone.
      place: (id) => (this.drawing === 'marks' && !this.pictures!.has(id) ? NOWHERE : this.pictures!.place(id)),
      isBelow: (id) =>
        this.squares !== null && this.squaresWork && !this.pictures!.has(id) && this.drawing === 'single',
    }
    this.squares = count > MOST_RESIDENT ? new MapSquares(SQUARES, () => this.draw()) : null
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
    this.cross.className = 'crosshair'
    this.cross.hidden = true
    host.append(this.stroke.canvas, this.cross)
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
    this.places = xy
    this.arrange(animate)
    if (this.following) this.follow(animate)
  }

  /** Lays the photos out without overlap, each near its place, or puts them back. */
  setSpread(on: boolean): void {
    if (on === this.isSpread) return
    this.spreadBefore = this.spreadShare()
    this.isSpread = on
    if (on && this.squares) this.spreadOut = this.toSpread().slice(0, MOST_SPREAD)
    this.arrange(true)
    if (this.following) this.follow(true)
  }

  /** How many photos a spread would lay out, where that is more than it can; else 0. */
  get tooManyToSpread(): number {
    const n = this.squares ? this.toSpread().length : 0
    return n > MOST_SPREAD ? n : 0
  }

  private toSpread(positions = this.input.positions): number[] {
    const { shown } = this.input
    const { width, height } = this.view
    const all = this.shownCount <= MOST_SPREAD
    const found: number[] = []
    for (const id of this.photos.order) {
      if (!shown[id] || !Number.isFinite(positions[2 * id]!)) continue
      const [x, y] = toScreen(this.motion.now, this.view, positions[2 * id]!, positions[2 * id + 1]!)
      if (all || (x >= 0 && y >= 0 && x < width && y < height)) found.push(id)
    }
    return found
  }

  /** How large photos are drawn, as a multiple of their usual size; spread out, they never fill more than their cells. */
  setSize(size: number): void {
    this.size = size
    this.draw()
    this.wantClose()
  }

  /** Which photos are shown at all, one 0/1 byte by id. */
  setShown(mask: Uint8Array): void {
    this.input.shown = mask
    this.countShown()
    if (this.isSpread) this.arrange(true)
    else this.change()
    // Nothing moves when photos are hidden; when some are shown that are not in view, the map makes room for them.
    if (this.following && (this.isSpread || this.whole().zoom < this.motion.target.zoom)) this.follow(true)
  }

  /** Label colour [N, 3] and colour index (-1 none) by id, drawn as a frame; indices from 10 on change its pattern. */
  setColours(rgb: Uint8Array, marks: Int16Array): void {
    this.input.colours = rgb
    this.input.marks = marks
    this.anyFramed = marks.some((mark) => mark >= 0)
    this.marked = null
    this.change()
  }

  /** Selected photos, one 0/1 byte by id: ringed and on top, the others dimmed. */
  setSelected(mask: Uint8Array): void {
    this.input.selected = mask
    this.anySelected = mask.includes(1)
    this.marked = null
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
    this.leaveCrosshair()
    this.showCursor()
  }

  /** Zooms about the centre of the view. */
  zoomBy(factor: number): void {
    const { width, height } = this.view
    this.go(zoomedAt(this.motion.target, this.view, factor, width / 2, height / 2))
  }

  /** Moves the photos by (dx, dy) CSS pixels, as dragging them would. */
  panBy(dx: number, dy: number): void {
    this.go(panned(this.motion.target, this.view, dx, dy))
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

  /** Frames a second over the last run of frames (a pause ends a run), and the number of photos now in view. */
  stats(): { fps: number; drawn: number; single: number; squares: number; textureBytes: number } {
    return {
      fps: this.frameRate.perSecond,
      drawn: this.placed().length,
      single: this.quads.count - 1,
      squares: this.lastSquares,
      textureBytes: this.renderer?.textureBytes ?? 0,
    }
  }

  /** The photos whose centre is in view, and where. */
  onScreen(): Placed[] {
    // The browser tells of a new size only with its next frame, which also sees what has changed since the last.
    if (this.view.width !== this.host.clientWidth || this.view.height !== this.host.clientHeight) this.resize()
    if (this.stale) this.drawn = this.choose()
    const { positions } = this.input
    return this.placed()
      .map((id) => {
        const [x, y] = toScreen(this.motion.now, this.view, positions[2 * id]!, positions[2 * id + 1]!)
        return { id, x, y }
      })
      .filter(({ x, y }) => x >= 0 && y >= 0 && x < this.view.width && y < this.view.height)
  }

  destroy(): void {
    this.destroyed = true
    cancelAnimationFrame(this.frame)
    clearTimeout(this.closeTimer)
    clearTimeout(this.settleTimer)
    this.resizing?.disconnect()
    this.gestures?.stop()
    this.pictures?.stop()
    this.squares?.stop()
    this.surface.destroy()
    this.stroke.canvas.remove()
    this.cross.remove()
  }

  // --- the keyboard ---

  /**
   * A key was pressed while the map has the focus; says whether it was for the map.
   *
   * With lasso or box, arrow keys move a crosshair, Space sets a corner, and Enter selects what lies in the box.
   */
  key(event: Pick<KeyboardEvent, 'key' | 'shiftKey' | 'altKey' | 'ctrlKey' | 'metaKey'>): boolean {
    if (this.tool === 'pan' || event.ctrlKey || event.metaKey || !this.renderer) return false
    const act = this.crosshair.key(event.key, event.shiftKey, this.view)
    if (!act) return false
    const [x, y] = this.crosshair.at ?? [0, 0]
    if (act.did === 'move') {
      if (act.overX || act.overY) {
        this.motion.jump(panned(this.motion.now, this.view, -act.overX, -act.overY))
        this.moved(true)
      }
      if (this.stroke.drawing) this.stroke.extend(this.motion.now, this.view, x, y)
    } else if (act.did === 'corner') {
      this.stroke.begin('box', 'replace', this.motion.now, this.view, x, y)
    } else if (act.did === 'close') {
      const mask = this.within(this.stroke.end().polygon)
      this.events.select(mask, modeOf(event), 'box')
    } else if (act.did === 'press') {
      const id = this.photoAt(x, y)
      if (id >= 0) this.events.pick(id, modeOf(event))
    } else {
      this.stroke.cancel()
    }
    if (this.stroke.drawing) {
      this.stroke.draw(this.motion.now, this.view)
      this.events.boxed(this.within(this.stroke.polygon).reduce((n, one) => n + one, 0))
    }
    this.showCrosshair()
    return true
  }

  /** Puts the crosshair and an unfinished box away. */
  leaveCrosshair(): void {
    this.crosshair.leave()
    this.stroke.cancel()
    this.showCrosshair()
  }

  private showCrosshair(): void {
    const { at } = this.crosshair
    this.cross.hidden = at === null
    if (at) this.cross.style.translate = `${at[0]}px ${at[1]}px`
  }

  private within(polygon: number[]): Uint8Array {
    if (this.index) return this.index.enclosed(polygon, this.input.shown)
    return drawnWithin(polygon, this.drawn, this.input.positions, this.photos.count)
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
    if (this.squares) {
      this.renderer.holdSquares(SQUARES)
      this.squares.show('', 0, () => '') // what was held is gone with the context
    }
    this.change()
    return true
  }

  private get ratio(): number {
    const own = Math.min(MOST_PIXELS_PER_PIXEL, window.devicePixelRatio || 1)
    return this.renderer?.software ? Math.min(1, own) : own
  }

  private resize(): void {
    const { clientWidth, clientHeight } = this.host
    this.view = { width: Math.max(1, clientWidth), height: Math.max(1, clientHeight) }
    if (this.squares && this.index && this.stretchedBy === this.stretchNow()) this.change()
    else this.arrange(false)
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
    const { renderer, pictures } = this
    if (!renderer || !pictures || this.destroyed) return
    const now = performance.now()
    this.frameRate.count(now)
    const t = this.progress(now)
    if (t < 1 || this.motion.flying) this.moving = true
    if (this.motion.advance(now)) this.wantClose()

    if (pictures.waiting) {
      const ids = pictures.deliver(
        (...picture) => renderer.put(...picture),
        this.moving ? PICTURES_A_FRAME.moving : PICTURES_A_FRAME.still,
      )
      if (!ids) this.stale = true
      else if (!this.stale) {
        for (const id of ids) {
          const slot = this.quads.replace(id, this.input)
          if (slot >= 0) renderer.setQuad(this.quads, slot)
        }
        if (ids.includes(this.hovered)) this.sendHovered()
      }
    }
    const beneath = this.drawSquares(now)
    if (this.isOutside()) this.stale = true
    if (this.stale) {
      this.stale = false
      const before = this.wantsSquares
      this.drawn = this.choose()
      this.quads.pack(this.drawn, this.input)
      this.quads.hover(this.canHover(this.hovered) ? this.hovered : -1, this.input)
      renderer.setQuads(this.quads)
      if (this.squares) this.wantTiles()
      if (before !== this.wantsSquares) this.draw() // they begin to come or go
    }

    if (this.moving) this.resolution.frame(now)
    const ratio = this.resolve()
    const side = this.side()
    const share = this.spreadShare()
    const { hairline, frame, ring } = this.withinGap(frameWidths(side), side, share)
    renderer.draw(
      {
        t,
        centre: [this.motion.now.x, this.motion.now.y],
        scale: pixelsPerUnit(this.motion.now, this.view) * ratio,
        side: side * ratio,
        hoveredSide: Math.max(side * 1.35, Math.min(HOVERED_AT_LEAST, side * 4)) * ratio,
        cell: [this.cell.aspect, share],
        hairline: renderer.software && this.moving ? 0 : hairline * ratio,
        frame: frame * ratio,
        ring: ring * ratio,
        edge: side < EDGE_BELOW,
        framed: this.anyFramed,
        selected: this.drawn.selected,
        keep: this.anySelected && this.areLit ? DIM : 1,
        moving: this.moving,
        squares: beneath,
        squaresOpacity: this.squaresOpacity,
        hollow: this.drawing === 'marks',
        background: this.dark ? BACKGROUNDS.dark : BACKGROUNDS.light,
        hairlineColour: this.dark ? HAIRLINE_COLOURS.dark : HAIRLINE_COLOURS.light,
        ringColour: this.dark ? RING_COLOURS.dark : RING_COLOURS.light,
      },
      this.quads,
    )
    if (this.stroke.drawing) this.stroke.draw(this.motion.now, this.view)
    if (t < 1 || this.motion.flying || pictures.waiting || this.squares?.waiting || this.fading) this.draw()
    // The last frame of a movement may find it over already: its end still has to be reported.
    if (this.moving || this.reportedMoving) this.settle()
  }

  // --- large maps ---

  private fading = false
  private lastSquares = 0
  private covered = false

  /** Whether the map's picture shows what the map shows: it knows of no filter, fading or spread, nor of photos under way. */
  private get squaresWork(): boolean {
    return this.firstShown >= 0 && !this.input.alpha && !this.isSpread && this.covered && this.progress() >= 1
  }

  /** Whether the photos in view are not all drawn one by one, each with its picture. */
  private get wantsSquares(): boolean {
    return !(this.drawing === 'single' && this.complete)
  }

  /** Fetches the squares in view and gives those to draw below the photos. */
  private drawSquares(now: number): DrawnSquare[] {
    const { squares, renderer } = this
    this.fading = false
    this.lastSquares = 0
    if (!squares || !renderer) return []
    const worked = this.squaresWork
    const possible =
      this.firstShown > 0 && !this.input.alpha && !this.isSpread && this.progress(now) >= 1 && this.shownRows > 0
    if (!possible) {
      this.covered = false
      if (worked) this.stale = true
      return []
    }
    const { ratio, view } = this
    const reach = reachFor(this.index?.bounds ?? null)
    const z = levelFor(this.motion.now, view, reach, ratio)
    const hex = (colour: readonly number[]) =>
      colour
        .map((part) =>
          Math.round(255 * part)
            .toString(16)
            .padStart(2, '0'),
        )
        .join('')
    const scheme = this.dark ? 'dark' : 'light'
    const look = {
      stretch: this.stretchedBy,
      reach,
      shown: this.shownRows,
      ground: hex(BACKGROUNDS[scheme]),
      places: this.placesSum,
    }
    squares.show(JSON.stringify([look, this.size, view, ratio]), reach, (square) => {
      const usual = thumbnailSide(this.shownCount, zoomOf(square.z, view, reach, ratio), view, this.size) * ratio
      const side = drawnSide(usual)
      const line = side >= LINE_FROM ? { line: hex(HAIRLINE_COLOURS[scheme]) } : {}
      return this.urls.square(square, { ...look, side, ...line })
    })
    squares.deliver((picture, layer) => renderer.putSquare(picture, layer), this.moving ? 2 : 8, now)
    const wanted = this.wantsSquares
    if (wanted) squares.want(this.motion.now, view, z)
    const { squares: found, covered, fading } = squares.draw(this.motion.now, view, z, now)
    if (covered !== this.covered) this.stale = true
    this.covered = covered
    const step = (now - this.squaresTime) / SQUARES_FADE_MS
    this.squaresTime = now
    const to = wanted ? 1 : 0
    this.squaresOpacity =
      this.squaresOpacity < to ? Math.min(to, this.squaresOpacity + step) : Math.max(to, this.squaresOpacity - step)
    this.fading = fading || this.squaresOpacity !== to
    this.lastSquares = found.length
    return found
  }

  /** Whether the view has come to where no photos were chosen for. */
  private isOutside(): boolean {
    if (!this.squares) return false
    const { chosen } = this
    if (!chosen) return true
    const { x, y, zoom } = this.motion.now
    const k = pixelsPerUnit(this.motion.now, this.view)
    const [halfWidth, halfHeight] = [this.view.width / 2 / k, this.view.height / 2 / k]
    return (
      x - halfWidth < chosen.left ||
      x + halfWidth > chosen.right ||
      y - halfHeight < chosen.bottom ||
      y + halfHeight > chosen.top ||
      zoom > 1.5 * chosen.zoom
    )
  }

  /** Chooses the photos to draw one by one: of a large map, a bounded number in and about the view. */
  private choose(): DrawOrder {
    const { index, input } = this
    if (!this.squares || !index) return drawOrder(input)
    const { positions, from, shown } = input
    const k = pixelsPerUnit(this.motion.now, this.view)
    const [reachX, reachY] = [((0.5 + AROUND) * this.view.width) / k, ((0.5 + AROUND) * this.view.height) / k]
    const { x, y, zoom } = this.motion.now
    const area = { left: x - reachX, right: x + reachX, bottom: y - reachY, top: y + reachY }
    this.chosen = { ...area, zoom }
    const inArea = (xy: Float32Array, id: number) =>
      xy[2 * id]! >= area.left &&
      xy[2 * id]! <= area.right &&
      xy[2 * id + 1]! >= area.bottom &&
      xy[2 * id + 1]! <= area.top
    const under = this.progress() < 1
    const first = (ids: Int32Array, most: number): Int32Array => {
      const found: number[] = []
      for (let row = 0; row < ids.length && found.length < most; row++) {
        const id = ids[row]!
        if (shown[id] && (inArea(positions, id) || (under && inArea(from, id)))) found.push(id)
      }
      return Int32Array.from(found)
    }
    const single = under ? null : this.allWithin(index, area)
    this.drawing = single ? 'single' : this.squaresWork ? 'marks' : 'sample'
    const ids = single ?? first(this.drawing === 'marks' ? this.markedIds() : this.photos.order, MOST_SAMPLED)
    return drawOrder({ ...input, order: ids })
  }

  /** The photos shown within an area, in prepare order; null where they are too many to be drawn one by one. */
  private allWithin(index: GridIndex, area: Bounds): Int32Array | null {
    const found: number[] = []
    const { shown } = this.input
    if (this.shownCount > MOST_SINGLE && index.about(area) > 50 * MOST_SINGLE) return null
    index.within(area, (id) => {
      if (shown[id]) found.push(this.pictures!.row(id))
      return found.length <= MOST_SINGLE
    })
    if (found.length > MOST_SINGLE) return null
    return Int32Array.from(found)
      .sort()
      .map((row) => this.photos.order[row]!)
  }

  /** Whether selected photos stand out by their pictures: all but those of a large map that are too many. */
  private get areLit(): boolean {
    return this.drawing !== 'marks' || this.drawn.selected <= MOST_LIT
  }

  private markedIds(): Int32Array {
    const { marks, selected } = this.input
    const { order } = this.photos
    this.marked ??= Int32Array.from([
      ...order.filter((id) => selected[id] === 1),
      ...order.filter((id) => marks[id]! >= 0 && selected[id] !== 1),
    ])
    return this.marked
  }

  private wantTiles(): void {
    const { opaque, faded, selected } = this.drawn
    const ids = this.drawing !== 'marks' ? [...opaque, ...faded] : this.areLit ? [...opaque.subarray(0, selected)] : []
    const lacking = ids.some((id) => !this.pictures!.has(id))
    if (lacking) this.pictures!.wantTiles(ids)
    this.complete = !lacking
  }

  private countShown(): void {
    const { shown } = this.input
    const { order } = this.photos
    const words = new Uint32Array(this.places.buffer, this.places.byteOffset, this.places.length)
    let count = 0
    let placed = 0
    let last = -1
    let sum = 0
    this.shownRows = 0
    for (let row = 0; row < order.length; row++) {
      const id = order[row]!
      if (!shown[id]) continue
      count++
      last = row
      if (!Number.isFinite(this.input.positions[2 * id]! + this.input.positions[2 * id + 1]!)) continue
      placed++
      this.shownRows = row + 1
      sum += Math.imul(words[2 * id]!, 4 * row + 1) + Math.imul(words[2 * id + 1]!, 4 * row + 3)
      sum |= 0
    }
    this.shownCount = placed
    this.placesSum = sum >>> 0
    this.firstShown = last === count - 1 ? count : -1
  }

  private stretchNow(): number {
    const bounds = boundsOf(this.places)
    return bounds ? stretchStep(stretchFor(bounds, freeOf(this.view, this.insets()))) : 0
  }

  /** Gives the canvas the resolution of this frame; device pixels per CSS pixel. */
  private resolve(): number {
    const ratio = this.ratio * (this.moving ? this.resolution.share : 1)
    const width = Math.round(this.view.width * ratio)
    const height = Math.round(this.view.height * ratio)
    this.surface.resize(width, height)
    return ratio
  }

  private startMoving(): void {
    if (!this.renderer) return
    this.moving = true
    if (this.reportedMoving) return
    this.reportedMoving = true
    this.events.moving(true)
  }

  private settle(): void {
    clearTimeout(this.settleTimer)
    this.settleTimer = setTimeout(() => {
      this.moving = false
      this.resolution.rest()
      this.draw()
      // Where a frame takes longer than this pause, the movement is not over yet.
      if (!this.reportedMoving || this.motion.flying || this.progress() < 1) return
      this.reportedMoving = false
      this.events.moving(false)
    }, SETTLE_MS)
  }

  private progress(now = performance.now()): number {
    return ease((now - this.transitionStart) / TRANSITION_MS)
  }

  // --- where the photos are ---

  /** Gives each photo its place in this pane: stretched to its shape, and in a cell of its own if they are spread out. */
  private arrange(animate: boolean): void {
    const { input, places } = this
    const bounds = boundsOf(places)
    this.stretch = bounds ? stretchFor(bounds, freeOf(this.view, this.insets())) : [1, 1]
    if (this.squares) {
      // A few shapes only, so that squares that were once drawn serve panes of other sizes.
      this.stretchedBy = stretchStep(this.stretch)
      this.stretch = stretchOf(this.stretchedBy)
    }
    const [x, y] = this.stretch
    let to: Float32Array = new Float32Array(places.length)
    for (let i = 0; i < to.length; i += 2) {
      to[i] = places[i]! * x
      to[i + 1] = places[i + 1]! * y
    }
    if (this.isSpread) {
      if (this.spreadOut.length === 0 && this.squares) this.spreadOut = this.toSpread(to).slice(0, MOST_SPREAD)
      const order = this.squares ? Int32Array.from(this.spreadOut) : input.order
      const ids = drawOrder({ ...input, order, positions: to, alpha: null }).opaque
      const laidOut = spread(
        to,
        ids,
        median(ids, (id) => drawnAspect(input.aspect[id]!)),
      )
      to = laidOut.positions
      this.cell = { side: Math.sqrt(laidOut.width * laidOut.height), aspect: laidOut.width / laidOut.height }
    }
    if (animate && !prefersReducedMotion() && !this.destroyed) {
      input.from = interpolated(input.from, input.positions, this.progress())
      this.transitionStart = performance.now()
      this.startMoving()
    } else if (this.progress() >= 1) {
      input.from = to
      this.transitionStart = -Infinity
    }
    input.positions = to
    if (this.squares) {
      this.index = new GridIndex(to, this.photos.order)
      this.covered = false
    }
    this.countShown()
    this.change()
  }

  /** Share of the way to being spread out that the photos have come. */
  private spreadShare(): number {
    const to = this.isSpread ? 1 : 0
    return this.spreadBefore + (to - this.spreadBefore) * this.progress()
  }

  /** Lines about photos that are spread out stay within the gap between two cells. */
  private withinGap<T extends Record<string, number>>(widths: T, side: number, share: number): T {
    if (share < 1) return widths
    const gap = Math.max(1, (side / FILLED) * (1 - FILLED) * 0.5)
    return Object.fromEntries(Object.entries(widths).map(([name, width]) => [name, Math.min(width, gap)])) as T
  }

  // --- the camera ---

  /** Moves the camera to where all photos are in view. */
  private follow(animate: boolean): void {
    if (animate) this.fly(this.whole())
    else {
      this.motion.jump(this.whole())
      this.draw()
      this.wantClose()
    }
  }

  /** The camera that has all photos in view, clear of what lies over the map. */
  private whole(): Camera {
    const { positions, shown } = this.input
    const bounds = boundsOf(positions, (id) => shown[id] === 1)
    const insets = this.insets()
    // Few photos are drawn large: half of one must fit beside the outermost centre.
    const side = thumbnailSide(this.shownCount, 1, this.view, this.size)
    const margin = this.isSpread ? FIT_MARGIN_SPREAD : Math.max(FIT_MARGIN, 4 + 0.6 * side)
    if (bounds && this.isSpread) {
      const [width, height] = halfSize(this.cell.side, this.cell.aspect)
      bounds.left -= width
      bounds.right += width
      bounds.bottom -= height
      bounds.top += height
    }
    return bounds ? fitted(bounds, this.view, insets, margin) : { x: 0, y: 0, zoom: 1 }
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
    this.moving = true
    if (tell) {
      this.following = false
      this.events.camera({ ...this.motion.now })
    }
    this.draw()
    this.wantClose()
  }

  private side(): number {
    const { opaque, faded } = this.drawn
    const count = this.squares ? this.shownCount : opaque.length + faded.length
    const usual = thumbnailSide(count, this.motion.now.zoom, this.view, this.size)
    const share = this.spreadShare()
    if (share === 0) return usual
    const cell = this.cell.side * pixelsPerUnit(this.motion.now, this.view)
    const own = Math.min(LARGEST_SIDE, cell * FILLED * Math.min(1, this.size))
    return usual + (own - usual) * share
  }

  /** Half the width and height of a thumbnail of this side, in its unit. */
  private half(id: number, side: number): [number, number] {
    const aspect = drawnAspect(this.input.aspect[id]!)
    return halfSize(this.isSpread ? side * shrunkInto(aspect, this.cell.aspect) : side, aspect)
  }

  // --- pictures seen close up ---

  /** ids in view, those nearest to the centre first */
  private inView(): number[] {
    const side = this.side()
    return idsInView(this.drawn, this.input.positions, this.motion.now, this.view, (id) => this.half(id, side))
  }

  /** The ids of the photos in view. */
  get idsInSight(): number[] {
    return this.placed()
  }

  /** ids of all photos in view, drawn one by one or not */
  private placed(): number[] {
    const { index } = this
    if (!index || this.drawing === 'single') return this.inView()
    const k = pixelsPerUnit(this.motion.now, this.view)
    const { x, y } = this.motion.now
    const [halfWidth, halfHeight] = [this.view.width / 2 / k, this.view.height / 2 / k]
    const found: number[] = []
    index.within({ left: x - halfWidth, right: x + halfWidth, bottom: y - halfHeight, top: y + halfHeight }, (id) => {
      if (this.input.shown[id]) found.push(id)
      return true
    })
    return found
  }

  private wantClose(): void {
    if (this.closeTimer !== undefined) return
    this.closeTimer = setTimeout(() => {
      this.closeTimer = undefined
      if (this.destroyed || !this.pictures) return
      const large = this.side() * this.ratio > CLOSE_FROM && (!this.squares || this.drawing === 'single')
      const wanted = large ? this.inView() : []
      if (this.hovered >= 0) wanted.unshift(this.hovered)
      this.pictures.wantClose(wanted)
    }, CLOSE_PAUSE_MS)
  }

  // --- the pointer ---

  private listen(): Gestures {
    return new Gestures(this.surface.canvas, {
      tool: () => this.tool,
      pan: (dx, dy) => {
        this.motion.jump(panned(this.motion.now, this.view, dx, dy))
        this.moved(true)
      },
      zoom: (factor, x, y) => {
        this.motion.jump(zoomedAt(this.motion.now, this.view, factor, x, y))
        this.moved(true)
        if (this.pointer) this.setHovered(this.photoAt(x, y))
      },
      strokeStart: (x, y, mode) => {
        this.stroke.begin(this.tool === 'box' ? 'box' : 'lasso', mode, this.motion.now, this.view, x, y)
      },
      strokeMove: (x, y) => {
        this.stroke.extend(this.motion.now, this.view, x, y)
        // Drawn at once: the map below stays as it is, so no frame of it is needed.
        this.stroke.draw(this.motion.now, this.view)
      },
      strokeEnd: () => {
        const { polygon, mode, kind } = this.stroke.end()
        this.events.select(this.within(polygon), mode, kind)
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
    const [x, y] = toMap(this.motion.now, this.view, left, top)
    const side = this.side() / pixelsPerUnit(this.motion.now, this.view)
    const { index, pictures } = this
    if (!index || !pictures || this.drawing === 'single')
      return topmostAt(this.drawn, this.input.positions, (id) => this.half(id, side), x, y)
    const reach = MOST_HALF * side
    let found = -1
    index.within({ left: x - reach, right: x + reach, bottom: y - reach, top: y + reach }, (id) => {
      if (!this.input.shown[id] || (found >= 0 && pictures.row(found) < pictures.row(id))) return true
      const [width, height] = this.half(id, side)
      const { positions } = this.input
      if (Math.abs(positions[2 * id]! - x) <= width && Math.abs(positions[2 * id + 1]! - y) <= height) found = id
      return true
    })
    return found
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

/** The middle one of some values, 1 for none. */
function median(ids: ArrayLike<number>, value: (id: number) => number): number {
  const sorted = Float32Array.from(ids, value).sort()
  return sorted[sorted.length >> 1] ?? 1
}
