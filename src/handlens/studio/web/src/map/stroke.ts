import { toMap, toScreen } from './camera'
import { boxPolygon } from './geometry'
import type { Camera, SelectMode, Viewport } from './types'

const COLOURS = { replace: '#3b82f6', add: '#16a34a', remove: '#dc2626' }
/** Points of a lasso closer than this many CSS pixels to the one before are left out. */
const STEP = 2

/** A lasso or box being drawn, kept in map coordinates so that it stays with the photos, and its drawing over the map. */
export class Stroke {
  readonly canvas = document.createElement('canvas')
  private points: number[] = []
  private kind: 'lasso' | 'box' = 'lasso'
  private mode: SelectMode = 'replace'

  constructor() {
    this.canvas.style.cssText = 'position:absolute;inset:0;width:100%;height:100%;pointer-events:none;display:none'
    this.canvas.setAttribute('aria-hidden', 'true')
  }

  get drawing(): boolean {
    return this.points.length > 0
  }

  begin(kind: 'lasso' | 'box', mode: SelectMode, camera: Camera, view: Viewport, x: number, y: number): void {
    this.kind = kind
    this.mode = mode
    this.points = toMap(camera, view, x, y)
    const ratio = Math.min(2, window.devicePixelRatio || 1)
    this.canvas.width = Math.round(view.width * ratio)
    this.canvas.height = Math.round(view.height * ratio)
    // Shown only while drawing: a canvas laid over the map costs time in each frame.
    this.canvas.style.display = 'block'
  }

  extend(camera: Camera, view: Viewport, x: number, y: number): void {
    const point = toMap(camera, view, x, y)
    if (this.kind === 'box') {
      this.points.length = 2
    } else {
      const [lastX, lastY] = toScreen(camera, view, this.points.at(-2)!, this.points.at(-1)!)
      if (Math.hypot(x - lastX, y - lastY) < STEP) return
    }
    this.points.push(...point)
  }

  /** The polygon drawn so far, in map coordinates. */
  get polygon(): number[] {
    return this.kind === 'lasso' || this.points.length < 4 ? this.points : this.corners()
  }

  /** The polygon drawn, in map coordinates, and how; what was drawn is wiped. */
  end(): { polygon: number[]; mode: SelectMode; kind: 'lasso' | 'box' } {
    const { polygon } = this
    this.cancel()
    return { polygon, mode: this.mode, kind: this.kind }
  }

  cancel(): void {
    this.points = []
    this.canvas.style.display = 'none'
  }

  draw(camera: Camera, view: Viewport): void {
    const pen = this.canvas.getContext('2d')
    if (!pen || !this.drawing) return
    const ratio = this.canvas.width / Math.max(1, view.width)
    pen.setTransform(ratio, 0, 0, ratio, 0, 0)
    pen.clearRect(0, 0, view.width, view.height)
    const polygon = this.kind === 'box' && this.points.length === 4 ? this.corners() : this.points
    pen.beginPath()
    for (let i = 0; i < polygon.length; i += 2) pen.lineTo(...toScreen(camera, view, polygon[i]!, polygon[i + 1]!))
    pen.closePath()
    pen.fillStyle = COLOURS[this.mode]
    pen.globalAlpha = 0.16
    pen.fill()
    pen.globalAlpha = 1
    // A light line under a coloured one shows on any photo.
    pen.lineJoin = 'round'
    pen.lineWidth = 4
    pen.strokeStyle = '#fff'
    pen.stroke()
    pen.lineWidth = 2
    pen.strokeStyle = COLOURS[this.mode]
    pen.setLineDash(this.mode === 'remove' ? [6, 4] : [])
    pen.stroke()
    pen.setLineDash([])
  }

  private corners(): number[] {
    const [x0, y0, x1, y1] = this.points as [number, number, number, number]
    return boxPolygon(x0, y0, x1, y1)
  }
}
