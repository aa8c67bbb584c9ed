// The map of a collection in a notebook: draws the photos, selects and labels them. Python's part is map_widget.py.

/** Those of Studio's page: labels keep the index of their colour. */
const COLOURS = {
  dark: ['#27a4fb', '#fbeb46', '#cf2e6a', '#6f5ed0', '#35ffb1', '#ff8444', '#f0afd6', '#8e6d0c', '#acada0', '#1b7d71'],
  light: ['#077cff', '#aa7a00', '#a02407', '#9d19a1', '#004247', '#ed336a', '#332107', '#49794e', '#8a7e96', '#001160'],
}
const TILE = 64
const ACROSS = 16
/** Photos of more sheets are drawn as dots: a notebook should not become slow to load. */
const MOST_SHEETS = 40
const MARGIN = 0.08
const CLICK = 4
/** Milliseconds after which a person is told that Python does not answer. */
const PATIENCE = 5000

function isDark() {
  const { body } = document
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === 'false'
  if (body.dataset.vscodeThemeKind) return body.dataset.vscodeThemeKind.includes('dark')
  return matchMedia('(prefers-color-scheme: dark)').matches
}

/** The numbers that a trait of bytes holds; copied, because they may begin at any address. */
function numbers(model, name, Kind) {
  const data = model.get(name)
  if (!data) return new Kind(0)
  const { buffer, byteOffset, byteLength } = data.buffer ? data : new Uint8Array(data)
  return new Kind(buffer.slice(byteOffset, byteOffset + byteLength))
}

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties)
  element.append(...children)
  return element
}

/** Whether a point lies in a polygon of points, by the number of edges to its right. */
function isInside(polygon, x, y) {
  let inside = false
  for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
    const [xi, yi] = polygon[i]
    const [xj, yj] = polygon[j]
    if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside
  }
  return inside
}

function render({ model, el }) {
  const stopping = new AbortController()
  const { signal } = stopping

  // --- what Python sends -------------------------------------------------------------------------

  let places, order, aspect, codes, labels, rows
  let chosen = new Set(numbers(model, 'selection', Int32Array))
  const sheets = []

  function readPhotos() {
    places = numbers(model, '_places', Float32Array)
    order = numbers(model, '_order', Int32Array)
    aspect = numbers(model, '_aspect', Float32Array)
    rows = new Map(Array.from(order, (id, row) => [id, row]))
    // In turn, so that a wish of the person never waits behind many sheets.
    askForSheet()
  }

  function readLabels() {
    codes = numbers(model, '_codes', Int16Array)
    labels = model.get('_labels')
  }

  function askForSheet() {
    const number = sheets.length
    if (number < MOST_SHEETS && number * ACROSS * ACROSS < order.length) {
      sheets.push(null)
      model.send({ kind: 'sheet', number })
    }
  }

  let answering = 0
  async function onMessage({ kind, number }, buffers) {
    if (kind === 'answered') {
      clearTimeout(answering)
      problem.textContent = model.get('problem')
      if (!problem.textContent) name.value = ''
    }
    if (kind !== 'sheet') return
    sheets[number] = await createImageBitmap(new Blob([buffers[0]], { type: 'image/jpeg' }))
    draw()
    askForSheet()
  }

  // --- the elements ------------------------------------------------------------------------------

  const canvas = make('canvas', { tabIndex: 0 })
  canvas.setAttribute('role', 'img')
  const waiting = make('p', { className: 'waiting', hidden: true, textContent: 'Computing the map…' })
  waiting.setAttribute('role', 'status')
  const problem = make('p', { className: 'problem' })
  problem.setAttribute('role', 'alert')
  const count = make('span')
  count.setAttribute('role', 'status')
  const legend = make('div', { className: 'legend' })
  const layer = make('select', { ariaLabel: 'Layer' })
  const projection = make('select', { ariaLabel: 'Projection' })
  const button = (textContent, onclick, title = '') => make('button', { type: 'button', textContent, onclick, title })
  const lasso = button('Lasso', () => take('lasso'), 'Draw around photos; Shift adds, Alt takes away')
  const move = button('Move', () => take('move'), 'Drag the map')
  const clear = button('Clear', () => select([]))
  const name = make('input', { type: 'text', placeholder: 'Label', ariaLabel: 'Label', maxLength: 100 })
  const give = make('button', { type: 'submit', textContent: 'Label', className: 'filled' })
  const form = make('form', { className: 'bar' }, count, clear, make('span', { className: 'grow' }), name, give)
  const takeOff = button('Take label off', () => model.send({ kind: 'unlabel' }))
  form.append(takeOff, button('Undo', () => model.send({ kind: 'undo' })))
  const place = make('div', { className: 'place' }, canvas, waiting)
  const root = make('div', { className: 'handlens-map' })
  root.append(
    make(
      'div',
      { className: 'bar' },
      lasso,
      move,
      button('+', () => zoom(1.4), 'Zoom in'),
      button('−', () => zoom(1 / 1.4), 'Zoom out'),
      button('Whole map', fit),
      make('span', { className: 'grow' }),
      layer,
      projection,
    ),
    place,
    form,
    problem,
    legend,
    make('p', {
      className: 'hint',
      textContent: 'Click the map, then the wheel zooms. Ctrl and the wheel zoom without a click.',
    }),
  )
  el.append(root)

  form.onsubmit = (event) => {
    event.preventDefault()
    if (!name.value.trim() || chosen.size === 0) return
    // The name stays in its field until Python has it: after a restart of the kernel nobody answers.
    clearTimeout(answering)
    answering = setTimeout(() => {
      problem.textContent = 'Python has not answered: it is busy, or was restarted. After a restart, run the cell again.'
    }, PATIENCE)
    model.send({ kind: 'label', name: name.value.trim() })
  }
  for (const [field, trait] of [
    [layer, 'layer'],
    [projection, 'projection'],
  ]) {
    field.onchange = () => {
      waiting.hidden = false
      model.set(trait, field.value)
      model.save_changes()
    }
  }

  function choices(field, values, value) {
    field.replaceChildren(...values.map((text) => make('option', { textContent: text, selected: text === value })))
  }

  function showChoices() {
    choices(layer, model.get('_layers'), model.get('layer'))
    choices(projection, model.get('_projections'), model.get('projection'))
  }

  function showLegend() {
    const theme = isDark() ? 'dark' : 'light'
    legend.replaceChildren(
      ...labels.map((label, code) => {
        const swatch = make('i')
        swatch.style.background = COLOURS[theme][label.colour % 10]
        const one = button('', () => select(Array.from(codes.keys()).filter((id) => codes[id] === code)))
        one.title = `Select the photos labelled ${label.name}`
        one.append(swatch, make('span', { textContent: label.name, dir: 'auto' }), make('small', { textContent: label.count }))
        return one
      }),
    )
  }

  function showCount() {
    count.textContent = `${chosen.size.toLocaleString('en')} of ${model.get('count').toLocaleString('en')} selected`
    canvas.setAttribute('aria-label', `Map of ${model.get('count')} photos, ${chosen.size} selected`)
    clear.disabled = give.disabled = takeOff.disabled = chosen.size === 0
  }

  // --- selecting ---------------------------------------------------------------------------------

  function select(ids) {
    chosen = new Set(ids)
    const sorted = Int32Array.from(chosen).sort()
    model.set('selection', new DataView(sorted.buffer))
    model.save_changes()
    showCount()
    draw()
  }

  function combine(ids, event) {
    if (event.altKey) select([...chosen].filter((id) => !new Set(ids).has(id)))
    else select(event.shiftKey ? [...chosen, ...ids] : ids)
  }

  // --- the view: which part of the map is on the canvas --------------------------------------------

  let width = 1
  let height = 1
  /** The whole map is shown, also after its place has changed, until a person moves it. */
  let isWhole = true
  const view = { x: 0, y: 0, across: 1, up: 1, zoom: 1 }
  const at = (id) => [
    width / 2 + (places[2 * id] - view.x) * view.across * view.zoom,
    height / 2 - (places[2 * id + 1] - view.y) * view.up * view.zoom,
  ]
  /** Half the longer side of a photo, pixels. */
  const half = () => (Math.min(96, Math.max(6, 0.7 * Math.sqrt((width * height * view.zoom) / Math.max(1, order.length)))) / 2)

  function fit() {
    let [left, right, bottom, top] = [Infinity, -Infinity, Infinity, -Infinity]
    for (const id of order) {
      const [x, y] = [places[2 * id], places[2 * id + 1]]
      if (Number.isNaN(x)) continue
      left = Math.min(left, x)
      right = Math.max(right, x)
      bottom = Math.min(bottom, y)
      top = Math.max(top, y)
    }
    isWhole = true
    if (left > right) return
    Object.assign(view, { x: (left + right) / 2, y: (bottom + top) / 2, zoom: 1 })
    const across = ((1 - 2 * MARGIN) * width) / Math.max(1e-6, right - left)
    const up = ((1 - 2 * MARGIN) * height) / Math.max(1e-6, top - bottom)
    // In the shape of its place, as in Studio: one unit up to twice as long in one direction as in the other.
    view.across = Math.min(across, 2 * up)
    view.up = Math.min(up, 2 * across)
    draw()
  }

  function zoom(by, x = width / 2, y = height / 2) {
    isWhole = false
    const factor = Math.min(200, Math.max(0.5, view.zoom * by)) / view.zoom
    view.x += ((x - width / 2) / (view.across * view.zoom)) * (1 - 1 / factor)
    view.y -= ((y - height / 2) / (view.up * view.zoom)) * (1 - 1 / factor)
    view.zoom *= factor
    draw()
  }

  function pan(dx, dy) {
    isWhole = false
    view.x -= dx / (view.across * view.zoom)
    view.y += dy / (view.up * view.zoom)
    draw()
  }

  // --- drawing -----------------------------------------------------------------------------------

  const context = canvas.getContext('2d')
  let stroke = []
  let frame = 0
  function draw() {
    frame ||= requestAnimationFrame(() => {
      frame = 0
      paint()
    })
  }

  function paint() {
    const ratio = devicePixelRatio || 1
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    const theme = root.classList.contains('dark') ? 'dark' : 'light'
    const side = half()
    const ring = theme === 'dark' ? '#fff' : '#000'
    const drawOne = (id) => {
      const [x, y] = at(id)
      if (!(x > -side && y > -side && x < width + side && y < height + side)) return
      const wide = Math.min(1, aspect[id] || 1) * side
      const high = Math.min(1, 1 / (aspect[id] || 1)) * side
      const row = rows.get(id)
      const sheet = sheets[Math.floor(row / (ACROSS * ACROSS))]
      const colour = codes[id] >= 0 ? COLOURS[theme][labels[codes[id]].colour % 10] : null
      context.globalAlpha = chosen.size === 0 || chosen.has(id) ? 1 : 0.45
      if (colour) {
        context.fillStyle = colour
        context.fillRect(x - wide - 3, y - high - 3, 2 * wide + 6, 2 * high + 6)
      }
      if (sheet) {
        const place = row % (ACROSS * ACROSS)
        const [left, top] = [(place % ACROSS) * TILE, Math.floor(place / ACROSS) * TILE]
        context.drawImage(sheet, left, top, TILE, TILE, x - wide, y - high, 2 * wide, 2 * high)
      } else {
        context.fillStyle = '#888'
        context.fillRect(x - 2, y - 2, 4, 4)
      }
      if (chosen.has(id)) {
        context.strokeStyle = ring
        context.lineWidth = 2
        context.strokeRect(x - wide - 2, y - high - 2, 2 * wide + 4, 2 * high + 4)
      }
    }
    // The selected ones last, over the others.
    for (const id of order) if (!chosen.has(id)) drawOne(id)
    for (const id of chosen) if (rows.has(id)) drawOne(id)
    context.globalAlpha = 1
    if (stroke.length > 1) {
      context.beginPath()
      for (const [x, y] of stroke) context.lineTo(x, y)
      context.closePath()
      context.fillStyle = '#3b82f629'
      context.fill()
      context.strokeStyle = '#3b82f6'
      context.lineWidth = 2
      context.stroke()
    }
  }

  // --- the hand ----------------------------------------------------------------------------------

  let tool = 'lasso'
  function take(one) {
    tool = one
    lasso.setAttribute('aria-pressed', String(one === 'lasso'))
    move.setAttribute('aria-pressed', String(one === 'move'))
    canvas.style.cursor = one === 'lasso' ? 'crosshair' : 'grab'
  }

  const point = (event) => {
    const box = canvas.getBoundingClientRect()
    return [event.clientX - box.left, event.clientY - box.top]
  }

  /** The photo drawn last at a point: what lies on top is what is meant. */
  function photoAt(x, y) {
    const side = half()
    let found = -1
    const look = (id) => {
      const [px, py] = at(id)
      const inside = Math.abs(px - x) <= Math.min(1, aspect[id] || 1) * side
      if (inside && Math.abs(py - y) <= Math.min(1, 1 / (aspect[id] || 1)) * side) found = id
    }
    for (const id of order) if (!chosen.has(id)) look(id)
    for (const id of chosen) look(id)
    return found
  }

  function end(event) {
    if (stroke.length === 0) return
    const drawn = stroke
    stroke = []
    const [first, last] = [drawn[0], drawn.at(-1)]
    const isClick = drawn.every(([x, y]) => Math.hypot(x - first[0], y - first[1]) < CLICK)
    if (isClick) {
      const id = photoAt(...last)
      combine(id < 0 ? [] : [id], event)
    } else if (tool === 'lasso') {
      combine(
        Array.from(order).filter((id) => isInside(drawn, ...at(id))),
        event,
      )
    }
    draw()
  }

  canvas.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return
    canvas.setPointerCapture(event.pointerId)
    canvas.focus({ preventScroll: true })
    stroke = [point(event)]
  })
  canvas.addEventListener('pointermove', (event) => {
    if (stroke.length === 0) return
    const [x, y] = point(event)
    const [px, py] = stroke.at(-1)
    if (tool === 'move') pan(x - px, y - py)
    stroke.push([x, y])
    draw()
  })
  canvas.addEventListener('pointerup', end)
  canvas.addEventListener('pointercancel', () => {
    stroke = []
    draw()
  })
  canvas.addEventListener(
    'wheel',
    (event) => {
      // Otherwise the wheel scrolls the notebook.
      if (document.activeElement !== canvas && !event.ctrlKey && !event.metaKey) return
      event.preventDefault()
      zoom(1.0015 ** -event.deltaY, ...point(event))
    },
    { passive: false },
  )
  const KEYS = {
    '+': () => zoom(1.4),
    '-': () => zoom(1 / 1.4),
    0: fit,
    Escape: () => select([]),
    ArrowLeft: () => pan(40, 0),
    ArrowRight: () => pan(-40, 0),
    ArrowUp: () => pan(0, 40),
    ArrowDown: () => pan(0, -40),
  }
  // The notebook has keys of its own, such as D D, which deletes a cell; only the one that saves goes on to it.
  root.addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 's') return
    event.stopPropagation()
    const run = event.target === canvas && !event.ctrlKey && !event.metaKey ? KEYS[event.key] : undefined
    if (!run) return
    event.preventDefault()
    run()
  })

  // --- following Python --------------------------------------------------------------------------

  const follow = {
    'change:_places': () => {
      readPhotos()
      waiting.hidden = true
      fit()
    },
    'change:_codes': () => {
      readLabels()
      showLegend()
      draw()
    },
    'change:_layers': showChoices,
    'change:_projections': showChoices,
    'change:layer': showChoices,
    'change:projection': showChoices,
    'change:problem': () => {
      problem.textContent = model.get('problem')
      waiting.hidden = true
    },
    'change:selection': () => {
      chosen = new Set(numbers(model, 'selection', Int32Array))
      showCount()
      draw()
    },
    'msg:custom': onMessage,
  }
  for (const [what, react] of Object.entries(follow)) model.on(what, react)

  const dress = () => {
    root.classList.toggle('dark', isDark())
    if (labels) showLegend()
    draw()
  }
  const themes = new MutationObserver(dress)
  themes.observe(document.body, { attributes: true, attributeFilter: ['data-jp-theme-light', 'data-vscode-theme-kind'] })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', dress, { signal })
  const resizing = new ResizeObserver(() => {
    width = Math.max(1, place.clientWidth)
    height = Math.max(1, place.clientHeight)
    if (isWhole) fit()
    else draw()
  })

  readPhotos()
  readLabels()
  showChoices()
  showCount()
  problem.textContent = model.get('problem')
  take('lasso')
  dress()
  resizing.observe(place)

  return () => {
    stopping.abort()
    clearTimeout(answering)
    themes.disconnect()
    resizing.disconnect()
    cancelAnimationFrame(frame)
    for (const [what, react] of Object.entries(follow)) model.off(what, react)
  }
}

export default { render }
