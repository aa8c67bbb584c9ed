/** Bits of a quad's `look`. */
export const SELECTED = 1
export const FRAMED = 2
export const APPEARING = 4
export const HOVERED = 8
export const HIDDEN = 16

/** What both programs know of a photo: where its corners are, how large it is drawn. */
const PLACING = `#version 300 es
precision highp float;
precision highp int;
layout(location = 0) in vec2 a_from;
layout(location = 1) in vec2 a_to;
layout(location = 2) in float a_aspect;
layout(location = 3) in uvec4 a_tile;   // x, y, layer, side in texels
layout(location = 4) in vec4 a_colour;
layout(location = 5) in uvec3 a_look;   // opacity, bits, pattern of the frame

uniform float u_t;          // share of the transition
uniform vec2 u_centre;      // of the view, map units
uniform float u_scale;      // device pixels per map unit
uniform vec2 u_clip;        // clip units per device pixel
uniform vec2 u_side;        // of a thumbnail, and of the hovered one, device pixels
uniform vec2 u_cell;        // square root of a cell's aspect, and share of the way to being spread out
uniform vec2 u_depth;       // depth of the topmost, and step to the next

bool has(uint bit) { return (a_look.y & bit) != 0u; }

// Corners in turn: left bottom, right bottom, left top, right top.
vec2 corner() { return vec2((gl_VertexID & 1) * 2 - 1, (gl_VertexID & 2) - 1); }

float drawnSide() {
  float side = has(${HOVERED}u) ? u_side.y : u_side.x;
  return has(${APPEARING}u) ? side * u_t : side;
}

vec2 halfSize(float side) {
  float root = sqrt(a_aspect);
  // Spread out, a photo lies within a cell of the same area.
  float shrunk = min(1.0, min(u_cell.x / root, root / u_cell.x));
  return 0.5 * side * mix(1.0, shrunk, u_cell.y) * vec2(root, 1.0 / root);
}

vec4 place(vec2 pixel, float behind) {
  vec2 centre = (mix(a_from, a_to, u_t) - u_centre) * u_scale;
  vec2 at = has(${HIDDEN}u) ? vec2(2.0) : (centre + pixel) * u_clip;
  return vec4(at, u_depth.x + u_depth.y * (float(gl_VertexID >> 2) + behind), 1.0);
}
`

// The fragment programs have no branches: drivers without a GPU go through all of them for each pixel.

/**
 * The pictures. `EXACT` takes the nearest texel, which is cheaper without a GPU; `FADED` has an opacity by photo; `DIMMED` draws them
 * nearer to the background; `BODY` takes place where there is none, for what lies below it.
 */
export const PICTURE = {
  vertex: `${PLACING}
out highp vec2 v_texel;
flat out highp ivec2 v_tile; // layer, level
#ifdef FADED
flat out mediump float v_opacity;
#endif

void main() {
  float side = drawnSide();
  gl_Position = place(corner() * halfSize(side), 0.0);
#ifndef BODY
  if (a_tile.w == 0u) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
#endif

  float texels = float(a_tile.w);
  float level = clamp(floor(log2(max(texels / max(side, 1.0), 1.0)) + 0.35), 0.0, 4.0);
  vec2 share = 0.5 + 0.5 * corner() * vec2(1.0, -1.0);
#ifdef EXACT
  v_texel = (vec2(a_tile.xy) + share * texels) * exp2(-level);
#else
  // Half a texel of the level is kept free at the edges, so that neighbours never show.
  float inset = 0.5 * exp2(level);
  v_texel = (vec2(a_tile.xy) + inset + share * (texels - 2.0 * inset)) / 1024.0;
#endif
  v_tile = ivec2(a_tile.z, level);
#ifdef FADED
  v_opacity = float(a_look.x) / 255.0;
#endif
}`,
  fragment: `#version 300 es
precision mediump float;
precision highp int;
uniform mediump sampler2DArray u_atlas;
uniform vec3 u_background;      // colour of the page behind
uniform float u_keep;       // how much of its own colour a photo keeps
in highp vec2 v_texel;
flat in highp ivec2 v_tile;
#ifdef FADED
flat in float v_opacity;
#else
const float v_opacity = 1.0;
#endif
out vec4 colour;

void main() {
#ifdef EXACT
  vec3 rgb = texelFetch(u_atlas, ivec3(v_texel, v_tile.x), v_tile.y).rgb;
#else
  vec3 rgb = textureLod(u_atlas, vec3(v_texel, v_tile.x), float(v_tile.y)).rgb;
#endif
#ifdef DIMMED
  rgb = mix(u_background, rgb, u_keep);
#endif
  colour = vec4(rgb, v_opacity);
}`,
}

/** Behind each picture: a hairline, or the frame of its label, and the ring of the selected. `PLAIN` is a frame in one colour. */
export const FRAME = {
  vertex: `${PLACING}
uniform vec3 u_widths;      // hairline, label frame, selection ring; device pixels
uniform float u_keep;
uniform vec3 u_background;
uniform vec3 u_hairline;
uniform float u_edge;       // 1: the label's frame lies along the lower edge alone
#ifndef PLAIN
out highp vec2 v_pixel;
flat out highp vec4 v_half; // half width and height of the picture; width of its frame, with and without ring
flat out highp vec2 v_look; // pattern, share of the frame's colour
#endif
flat out highp vec4 v_colour;

void main() {
  vec2 picture = halfSize(drawnSide());
  bool framed = has(${FRAMED}u);
  float frame = framed ? u_widths.y : u_widths.x;
  float whole = frame + (has(${SELECTED}u) ? u_widths.z : 0.0);
  // Without frame and ring there is nothing to draw.
  vec2 pixel = whole > 0.0 ? corner() * (picture + whole) : vec2(0.0);
  if (u_edge > 0.5 && framed && !has(${SELECTED}u | ${HOVERED}u)) {
    pixel = corner() * picture - vec2(0.0, corner().y < 0.0 ? frame : 0.0);
  }
  gl_Position = place(pixel, 0.5);
  float kept = framed ? (has(${SELECTED}u | ${HOVERED}u) ? 1.0 : 0.4 + 0.6 * u_keep) : 0.0;
#ifdef PLAIN
  v_colour = vec4(framed ? mix(u_background, a_colour.rgb, kept) : u_hairline, 1.0);
#else
  v_pixel = pixel;
  v_half = vec4(picture, frame, whole);
  v_colour = vec4(framed ? a_colour.rgb : u_hairline, float(a_look.x) / 255.0);
  v_look = vec2(a_look.z, framed ? kept : 1.0);
#endif
}`,
  fragment: `#version 300 es
precision highp float;
uniform highp vec3 u_background;
uniform vec3 u_ring;         // colour that stands out most from the background
uniform float u_dash;       // length of a dash in a frame's pattern, device pixels
#ifndef PLAIN
in vec2 v_pixel;
flat in vec4 v_half;
flat in vec2 v_look;
#endif
flat in vec4 v_colour;
out vec4 colour;

void main() {
#ifdef PLAIN
  colour = vec4(v_colour.rgb, 1.0);
#else
  vec2 beyond = abs(v_pixel) - v_half.xy;
  float edge = max(beyond.x, beyond.y);
#ifdef HOLLOW
  if (edge <= 0.0) discard;
#endif
  float along = beyond.x > beyond.y ? v_pixel.y : v_pixel.x;
  float dashed = float(v_look.x == 1.0) * step(0.5, fract(along / (2.0 * u_dash) + 0.25));
  float dotted = float(v_look.x == 2.0) * step(0.5, fract(along / u_dash + 0.25));
  float doubled = float(v_look.x == 3.0) * step(abs(edge / v_half.z - 0.5), 0.2);
  vec3 frame = mix(v_colour.rgb, u_ring, dotted);
  frame = mix(u_background, frame, v_look.y * (1.0 - max(dashed, doubled)));
  // The ring stands off from the frame by a thin gap.
  float width = v_half.w - v_half.z;
  float gap = step(0.01, width) * step(v_half.z, edge);
  float ring = gap * step(v_half.z + 0.3 * width, edge);
  // Within the picture there is no frame: only photos seen through show the difference.
  colour = vec4(mix(mix(frame, u_background, gap), u_ring, ring), edge > 0.0 ? v_colour.a : 0.0);
#endif
}`,
}

/** A square of the map's picture, or a part of one; `EXACT` and `DIMMED` as with the pictures. */
export const SQUARE = {
  vertex: `#version 300 es
precision highp float;
uniform vec4 u_box;         // left, bottom, right, top; clip units
uniform vec4 u_part;        // left, top, side of the part; layer
out highp vec3 v_texel;
void main() {
  vec2 share = vec2(float(gl_VertexID & 1), float(gl_VertexID >> 1));
  gl_Position = vec4(mix(u_box.xy, u_box.zw, share), 0.99, 1.0);
  v_texel = vec3(u_part.xy + u_part.z * vec2(share.x, 1.0 - share.y), u_part.w);
#ifdef EXACT
  v_texel.xy *= SIDE;
#endif
}`,
  fragment: `#version 300 es
precision mediump float;
uniform mediump sampler2DArray u_atlas;
uniform vec3 u_background;
uniform float u_keep;       // how much of its own colour a photo keeps
uniform float u_opacity;
in highp vec3 v_texel;
out vec4 colour;
void main() {
#ifdef EXACT
  vec3 rgb = texelFetch(u_atlas, ivec3(v_texel), 0).rgb;
#else
  vec3 rgb = texture(u_atlas, v_texel).rgb;
#endif
#ifdef DIMMED
  rgb = mix(u_background, rgb, u_keep);
#endif
  colour = vec4(rgb, u_opacity);
}`,
}
