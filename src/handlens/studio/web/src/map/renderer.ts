import type { DrawnSquare } from './map-squares'
import { COLOUR_OFFSET, LOOK_OFFSET, QUAD, type Quads, STRIDE, TILE_OFFSET } from './quads'
import { FRAME, PICTURE, SQUARE } from './shaders'
import { SQUARE_SIDE } from './square-layout'
import { blankPlace, CLOSE_SIDE, type Layout, LEVELS, layoutFor, type Place, SHEET_SIDE } from './texture-layout'

const UNIFORMS = [
  't',
  'centre',
  'scale',
  'clip',
  'side',
  'cell',
  'edge',
  'widths',
  'depth',
  'keep',
  'atlas',
  'background',
  'hairline',
  'ring',
  'dash',
  'box',
  'part',
  'opacity',
] as const
type Uniform = (typeof UNIFORMS)[number]

const ATTRIBUTES = 6
const BLANK_GREY = 0.55
/** Half the longer side of the longest strip drawn, over the side of its square; and the widest frame and ring. */
const MOST_STRETCH = Math.sqrt(8) / 2
const MARGIN = 24

interface Source {
  vertex: string
  fragment: string
}

interface Program {
  program: WebGLProgram
  uniforms: Record<Uniform, WebGLUniformLocation | null>
}

/** Red, green and blue, 0 to 1. */
export type GlColour = readonly [number, number, number]

/** All that a frame depends on besides the quads; lengths in device pixels. */
export interface Scene {
  t: number
  centre: readonly [number, number]
  scale: number
  side: number
  hoveredSide: number
  /** aspect of a cell in which a photo lies when it is spread out, and the share of the way there */
  cell: readonly [aspect: number, share: number]
  hairline: number
  frame: number
  ring: number
  /** whether the label's frame lies along the lower edge alone */
  edge: boolean
  /** whether any photo has a label's frame */
  framed: boolean
  /** how many of the opaque photos, from the topmost, are selected */
  selected: number
  /** how much of their colour the others keep */
  keep: number
  /** the next frame follows at once */
  moving: boolean
  /** the picture of the map below the photos, and how much of it is seen */
  squares: readonly DrawnSquare[]
  squaresOpacity: number
  /** only the frames of the photos, and the pictures of those selected, are drawn: the others are part of the squares */
  hollow: boolean
  background: GlColour
  hairlineColour: GlColour
  ringColour: GlColour
}

/** Draws the map with WebGL2: one texture array, one buffer of quads, few draw calls. */
export class Renderer {
  readonly layout: Layout
  /** Whether the CPU draws the pictures, so that each pixel costs time. */
  readonly software: boolean
  private readonly programs = new Map<string, Program>()
  private readonly vertexBuffer: WebGLBuffer
  private readonly atlas: WebGLTexture
  private readonly staging: { sheet: WebGLTexture; close: WebGLTexture }
  private readonly framebuffer: WebGLFramebuffer
  private readonly squares: WebGLTexture
  private capacity = 0
  private indexCapacity = 0
  private squareLayers = 0

  /** Throws when the context cannot compile the program or hold the textures. */
  constructor(
    private readonly gl: WebGL2RenderingContext,
    count: number,
  ) {
    this.layout = layoutFor(count, gl.getParameter(gl.MAX_ARRAY_TEXTURE_LAYERS) as number)
    const info = gl.getExtension('WEBGL_debug_renderer_info')
    const name = String(gl.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : gl.RENDERER))
    this.software = /swiftshader|llvmpipe|software|basic render/i.test(name)

    this.program(PICTURE, [])
    this.program(FRAME, [])

    this.vertexBuffer = gl.createBuffer()!
    gl.bindBuffer(gl.ARRAY_BUFFER, this.vertexBuffer)
    for (let attribute = 0; attribute < ATTRIBUTES; attribute++) gl.enableVertexAttribArray(attribute)
    this.bindAttributes()
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer())
    this.squares = gl.createTexture()!
    this.staging = { sheet: storage2d(gl, SHEET_SIDE), close: storage2d(gl, CLOSE_SIDE) }
    this.framebuffer = gl.createFramebuffer()!
    this.atlas = gl.createTexture()!
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, this.atlas)
    const layers = this.layout.sheetLayers + this.layout.closeLayers
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, LEVELS, gl.RGBA8, SHEET_SIDE, SHEET_SIDE, layers)
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_NEAREST)
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MAG_FILTER, gl.LINEAR)
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE)
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE)
    this.putBlank()
    gl.depthFunc(gl.LEQUAL)
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA)
  }

  /**
   * Puts a sheet (1024 px) or a close-up (256 px) with its mipmaps at a place in the texture array.
   *
   * The mipmaps are made in a separate texture and copied: generating them in the array would redo all of its layers.
   */
  put(picture: ImageBitmap, place: Place, kind: 'sheet' | 'close'): void {
    const { gl } = this
    const whole = kind === 'sheet' ? SHEET_SIDE : CLOSE_SIDE
    gl.bindTexture(gl.TEXTURE_2D, this.staging[kind])
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, gl.RGBA, gl.UNSIGNED_BYTE, picture)
    gl.generateMipmap(gl.TEXTURE_2D)
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, this.atlas)
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, this.framebuffer)
    const skipped = Math.log2(whole / place.side)
    for (let level = 0; level < LEVELS; level++) {
      const side = place.side >> level
      gl.framebufferTexture2D(
        gl.READ_FRAMEBUFFER,
        gl.COLOR_ATTACHMENT0,
        gl.TEXTURE_2D,
        this.staging[kind],
        level + skipped,
      )
      gl.copyTexSubImage3D(
        gl.TEXTURE_2D_ARRAY,
        level,
        place.x >> level,
        place.y >> level,
        place.layer,
        0,
        0,
        side,
        side,
      )
    }
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, null)
  }

  /** Bytes of the textures. */
  get textureBytes(): number {
    const { sheetLayers, closeLayers } = this.layout
    const array = Math.round((4 * SHEET_SIDE * SHEET_SIDE * (sheetLayers + closeLayers) * 4) / 3)
    const staging = Math.round((4 * (SHEET_SIDE ** 2 + CLOSE_SIDE ** 2) * 4) / 3)
    return array + staging + 4 * SQUARE_SIDE * SQUARE_SIDE * this.squareLayers
  }

  /** Makes room for so many squares of the map's picture. */
  holdSquares(layers: number): void {
    const { gl } = this
    this.squareLayers = layers
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, this.squares)
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, gl.RGBA8, SQUARE_SIDE, SQUARE_SIDE, layers)
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MIN_FILTER, gl.LINEAR)
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MAG_FILTER, gl.LINEAR)
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE)
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE)
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, this.atlas)
  }

  putSquare(picture: ImageBitmap, layer: number): void {
    const { gl } = this
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, this.squares)
    gl.texSubImage3D(
      gl.TEXTURE_2D_ARRAY,
      0,
      0,
      0,
      layer,
      SQUARE_SIDE,
      SQUARE_SIDE,
      1,
      gl.RGBA,
      gl.UNSIGNED_BYTE,
      picture,
    )
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, this.atlas)
  }

  private drawSquares(scene: Scene): void {
    const { gl } = this
    if (scene.squares.length === 0 || scene.squaresOpacity === 0) return
    const cheap = this.software && scene.moving
    const side = `SIDE ${SQUARE_SIDE}.0`
    const { program, uniforms } = this.program(SQUARE, [
      ...(cheap ? ['EXACT', side] : []),
      ...(scene.keep < 1 ? ['DIMMED'] : []),
    ])
    gl.useProgram(program)
    gl.disable(gl.DEPTH_TEST)
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, this.squares)
    gl.uniform1i(uniforms.atlas, 0)
    gl.uniform3f(uniforms.background, ...scene.background)
    gl.uniform1f(uniforms.keep, scene.keep)
    const { width, height } = gl.canvas
    const [x, y] = scene.centre
    // Edges at whole pixels, so that neither gaps nor seams show.
    const across = (at: number) => (Math.round((at - x) * scene.scale + width / 2) / width) * 2 - 1
    const up = (at: number) => (Math.round((at - y) * scene.scale + height / 2) / height) * 2 - 1
    for (const { bounds, layer, part, opacity } of scene.squares) {
      const seen = opacity * scene.squaresOpacity
      if (seen < 1) gl.enable(gl.BLEND)
      else gl.disable(gl.BLEND)
      gl.uniform1f(uniforms.opacity, seen)
      gl.uniform4f(uniforms.box, across(bounds.left), up(bounds.bottom), across(bounds.right), up(bounds.top))
      gl.uniform4f(uniforms.part, ...part, layer)
      gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4)
    }
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, this.atlas)
  }

  /** Sends all quads. */
  setQuads(quads: Quads): void {
    const { gl } = this
    gl.bindBuffer(gl.ARRAY_BUFFER, this.vertexBuffer)
    if (quads.bytes.length > this.capacity) {
      gl.bufferData(gl.ARRAY_BUFFER, quads.bytes, gl.DYNAMIC_DRAW)
      this.capacity = quads.bytes.length
    } else {
      gl.bufferSubData(gl.ARRAY_BUFFER, 0, quads.bytes, 0, quads.count * QUAD)
    }
  }

  /** Sends one quad again. */
  setQuad(quads: Quads, slot: number): void {
    const { gl } = this
    gl.bindBuffer(gl.ARRAY_BUFFER, this.vertexBuffer)
    gl.bufferSubData(gl.ARRAY_BUFFER, slot * QUAD, quads.bytes, slot * QUAD, QUAD)
  }

  draw(scene: Scene, quads: Quads): void {
    const { gl } = this
    gl.viewport(0, 0, gl.canvas.width, gl.canvas.height)
    gl.clearColor(...scene.background, 1)
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT)

    const reach = (pixels: number) => (pixels / 2 + MOST_STRETCH * scene.hoveredSide + MARGIN) / scene.scale
    const selected = scene.selected + 1 // and the hovered one
    const { indices, counts } = quads.inView(scene.t, scene.centre, reach(gl.canvas.width), reach(gl.canvas.height), [
      selected,
      quads.opaque,
      quads.count,
    ])
    const [ringed, opaque, all] = counts as [number, number, number]
    if (indices.length > this.indexCapacity) {
      this.indexCapacity = Math.ceil(indices.length * 1.25)
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, 4 * this.indexCapacity, gl.DYNAMIC_DRAW)
    }
    gl.bufferSubData(gl.ELEMENT_ARRAY_BUFFER, 0, indices)
    this.drawSquares(scene)

    // Topmost first with a depth test: a pixel already covered costs little more.
    gl.enable(gl.DEPTH_TEST)
    gl.disable(gl.BLEND)
    gl.depthMask(true)
    const depth = [-1, 1.9 / quads.opaque] as const
    const cheap = this.software && scene.moving
    const exact = cheap ? ['EXACT'] : []
    const dimmed = scene.keep < 1 ? ['DIMMED'] : []
    this.use(PICTURE, exact, scene, depth)
    this.drawQuads(0, ringed)
    // The pictures of those that are a part of the squares hide the frames that lie below them.
    gl.colorMask(!scene.hollow, !scene.hollow, !scene.hollow, !scene.hollow)
    this.use(PICTURE, scene.hollow ? ['BODY'] : [...exact, ...dimmed], scene, depth)
    this.drawQuads(ringed, opaque)
    gl.colorMask(true, true, true, true)
    const hollow = scene.hollow ? ['HOLLOW'] : []
    const framed = scene.hairline > 0 || scene.framed
    if (framed || scene.selected > 0) {
      this.use(FRAME, hollow, scene, depth)
      this.drawQuads(0, ringed)
    }
    if (framed) {
      this.use(FRAME, cheap && !scene.hollow ? ['PLAIN'] : hollow, scene, depth)
      this.drawQuads(ringed, opaque)
    }
    if (all === opaque) return

    gl.enable(gl.BLEND)
    gl.depthMask(false)
    const below = [0.95, 0] as const
    if (framed) {
      this.use(FRAME, [], scene, below)
      this.drawQuads(opaque, all)
    }
    this.use(PICTURE, ['FADED', ...exact, ...dimmed], scene, below)
    this.drawQuads(opaque, all)
    gl.depthMask(true)
  }

  private use(source: Source, defines: string[], scene: Scene, depth: readonly [number, number]): void {
    const { gl } = this
    const { program, uniforms } = this.program(source, defines)
    const { width, height } = gl.canvas
    gl.useProgram(program)
    gl.uniform1f(uniforms.t, scene.t)
    gl.uniform2f(uniforms.centre, ...scene.centre)
    gl.uniform1f(uniforms.scale, scene.scale)
    gl.uniform2f(uniforms.clip, 2 / width, 2 / height)
    gl.uniform2f(uniforms.side, scene.side, scene.hoveredSide)
    gl.uniform2f(uniforms.cell, Math.sqrt(scene.cell[0]), scene.cell[1])
    gl.uniform1f(uniforms.edge, scene.edge ? 1 : 0)
    gl.uniform3f(uniforms.hairline, ...scene.hairlineColour)
    gl.uniform2f(uniforms.depth, ...depth)
    gl.uniform1f(uniforms.keep, scene.keep)
    gl.uniform3f(uniforms.background, ...scene.background)
    gl.uniform3f(uniforms.widths, scene.hairline, scene.frame, scene.ring)
    gl.uniform3f(uniforms.ring, ...scene.ringColour)
    gl.uniform1f(uniforms.dash, Math.max(3, scene.side * 0.12))
    gl.uniform1i(uniforms.atlas, 0)
  }

  /** The program compiled with these definitions, made when first needed. */
  private program(source: Source, defines: string[]): Program {
    const key = [source === PICTURE ? 'picture' : source === FRAME ? 'frame' : 'square', ...defines].join(' ')
    const made = this.programs.get(key) ?? link(this.gl, source, defines)
    this.programs.set(key, made)
    return made
  }

  private drawQuads(start: number, end: number): void {
    const { gl } = this
    if (end > start) gl.drawElements(gl.TRIANGLES, 6 * (end - start), gl.UNSIGNED_INT, 24 * start)
  }

  /** The tile that stands for pictures not yet there: a plain grey, at all levels. */
  private putBlank(): void {
    const { gl } = this
    const place = blankPlace(this.layout)
    for (let level = 0; level < LEVELS; level++) {
      const side = place.side >> level
      const grey = new Uint8Array(4 * side * side).fill(255 * BLANK_GREY)
      gl.texSubImage3D(
        gl.TEXTURE_2D_ARRAY,
        level,
        place.x >> level,
        place.y >> level,
        place.layer,
        side,
        side,
        1,
        gl.RGBA,
        gl.UNSIGNED_BYTE,
        grey,
      )
    }
  }

  private bindAttributes(): void {
    const { gl } = this
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, STRIDE, 0)
    gl.vertexAttribPointer(1, 2, gl.FLOAT, false, STRIDE, 8)
    gl.vertexAttribPointer(2, 1, gl.FLOAT, false, STRIDE, 16)
    gl.vertexAttribIPointer(3, 4, gl.UNSIGNED_SHORT, STRIDE, TILE_OFFSET)
    gl.vertexAttribPointer(4, 4, gl.UNSIGNED_BYTE, true, STRIDE, COLOUR_OFFSET)
    gl.vertexAttribIPointer(5, 3, gl.UNSIGNED_BYTE, STRIDE, LOOK_OFFSET)
  }
}

function storage2d(gl: WebGL2RenderingContext, side: number): WebGLTexture {
  const texture = gl.createTexture()!
  gl.bindTexture(gl.TEXTURE_2D, texture)
  gl.texStorage2D(gl.TEXTURE_2D, Math.log2(side) + 1, gl.RGBA8, side, side)
  return texture
}

function link(gl: WebGL2RenderingContext, source: Source, defines: readonly string[]): Program {
  const program = gl.createProgram()!
  // The first line has to stay the version.
  const head = `#version 300 es\n${defines.map((name) => `#define ${name}\n`).join('')}`
  for (const [type, text] of [
    [gl.VERTEX_SHADER, source.vertex],
    [gl.FRAGMENT_SHADER, source.fragment],
  ] as const) {
    const shader = gl.createShader(type)!
    gl.shaderSource(shader, text.replace('#version 300 es\n', head))
    gl.compileShader(shader)
    gl.attachShader(program, shader)
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
      throw new Error(`the map's program does not compile here: ${gl.getShaderInfoLog(shader)}`)
    }
  }
  gl.linkProgram(program)
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(`the map's program does not link here: ${gl.getProgramInfoLog(program)}`)
  }
  const uniforms = {} as Program['uniforms']
  for (const name of UNIFORMS) uniforms[name] = gl.getUniformLocation(program, `u_${name}`)
  return { program, uniforms }
}
