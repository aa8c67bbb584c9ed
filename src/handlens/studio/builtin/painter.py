"""Draws one vehicle in one scene: a perspective camera, one sun, and polygons painted back to front."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from handlens.core.products import product
from handlens.studio.builtin.fleet import Vehicle
from handlens.studio.builtin.solids import Colour, Points, back_to_front, prisms

SIZE = (160, 120)
FINER = 3
"""Pictures are drawn this much larger and averaged down, which smooths the edges."""

RUBBER: Colour = (0.07, 0.07, 0.075)
RIM: Colour = (0.55, 0.56, 0.58)

SPOTS = 40
"""How many lighter and darker spots lie on the ground around a vehicle."""

_CIRCLE = np.linspace(0, 2 * np.pi, 20, endpoint=False)


@dataclass(frozen=True)
class View:
    """Where the camera stands: degrees from the front over the right side, degrees up, vehicle lengths away.

    `fill` is the share of the picture the vehicle spans, `shift` how far off the middle it is, in shares too.
    """

    azimuth: float
    elevation: float
    distance: float
    fill: float
    shift: tuple[float, float]

    @classmethod
    def of(cls, azimuth: float, random: np.random.Generator) -> View:
        """Make up a camera at about the height of a person, a window or a first floor."""
        return cls(
            azimuth=azimuth,
            elevation=float(random.triangular(4, 8, 20)),
            distance=float(random.uniform(1.5, 3.2)),
            fill=float(random.uniform(0.70, 0.88)),
            shift=(float(random.uniform(-0.03, 0.03)), float(random.uniform(-0.03, 0.03))),
        )


@dataclass(frozen=True)
class Scene:
    """Light, ground, sky and what stands on the horizon."""

    sun: Points
    direct: float
    ambient: float
    zenith: Colour
    haze: Colour
    ground: Colour
    road: float | None
    skyline: str
    brightness: float

    @classmethod
    def of(cls, random: np.random.Generator) -> Scene:
        """Make up a scene."""
        skies = (
            ((0.30, 0.52, 0.85), (0.78, 0.87, 0.95), 0.62, 0.42),  # clear
            ((0.48, 0.62, 0.82), (0.86, 0.88, 0.90), 0.48, 0.52),  # hazy
            ((0.66, 0.69, 0.73), (0.83, 0.84, 0.86), 0.16, 0.74),  # overcast
            ((0.36, 0.40, 0.62), (0.97, 0.76, 0.56), 0.52, 0.40),  # evening
        )
        grounds: tuple[Colour, ...] = (
            (0.36, 0.36, 0.38), (0.52, 0.51, 0.50), (0.36, 0.47, 0.24), (0.70, 0.62, 0.46),
            (0.88, 0.89, 0.92), (0.46, 0.38, 0.30), (0.62, 0.63, 0.64),
        )  # fmt: skip
        zenith, haze, direct, ambient = skies[random.integers(len(skies))]
        height, around = np.radians(random.uniform(25, 68)), np.radians(random.uniform(0, 360))
        return cls(
            sun=np.array([np.cos(height) * np.cos(around), np.cos(height) * np.sin(around), np.sin(height)]),
            direct=direct,
            ambient=ambient,
            zenith=zenith,
            haze=haze,
            ground=grounds[random.integers(len(grounds))],
            road=float(random.uniform(0, 180)) if random.random() < 0.3 else None,
            skyline=str(random.choice(["town", "trees", "hills", "nothing"])),
            brightness=float(random.uniform(0.95, 1.20)),
        )


class Camera:
    """A pinhole camera that looks at a vehicle and frames it."""

    def __init__(self, view: View, corners: Points) -> None:
        width, height = SIZE[0] * FINER, SIZE[1] * FINER
        middle = (corners.min(axis=0) + corners.max(axis=0)) / 2
        away = view.distance * float(np.ptp(corners[:, 0]))
        azimuth, elevation = math.radians(view.azimuth), math.radians(view.elevation)
        # The vehicle's right is -y: from the front (+x), the angle grows towards it.
        side = np.array([math.cos(azimuth), -math.sin(azimuth), 0.0])
        self.eye = middle + away * (math.cos(elevation) * side + math.sin(elevation) * np.array([0, 0, 1.0]))
        ahead = middle - self.eye
        ahead /= np.linalg.norm(ahead)
        right = np.cross(ahead, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        self._axes = np.stack([right, -np.cross(right, ahead), ahead])
        self._focal, self._middle = 1.0, np.zeros(2)
        box = self(corners)
        low, high = box.min(axis=0), box.max(axis=0)
        self._focal = view.fill * min(width / (high[0] - low[0]), height / (high[1] - low[1]))
        wanted = np.array([width * (0.5 + view.shift[0]), height * (0.5 + view.shift[1])])
        self._middle = wanted - self._focal * (low + high) / 2
        level = product(np.array([ahead[0], ahead[1], 0.0]), self._axes.T)
        self.horizon = float(self._focal * level[1] / level[2] + self._middle[1])

    def __call__(self, points: Points) -> Points:
        """Project points [n,3] in metres to [n,2] in pixels, counted right and down from the top left."""
        seen = product(points - self.eye, self._axes.T)
        depth = np.maximum(seen[:, 2:], 0.05)
        placed: Points = self._focal * seen[:, :2] / depth + self._middle
        return placed


def draw(vehicle: Vehicle, view: View, scene: Scene, random: np.random.Generator) -> Image.Image:
    """Draw a vehicle: an RGB picture of SIZE."""
    corners = np.concatenate([face.points for prism in prisms(vehicle.body) for face in prism.faces])
    corners = np.concatenate([corners, corners[:1] * [1, 1, 0]])
    camera = Camera(view, corners)
    picture = Image.new("RGB", (SIZE[0] * FINER, SIZE[1] * FINER))
    canvas = ImageDraw.Draw(picture)
    _draw_surroundings(picture, canvas, camera, scene, random)
    _draw_shadow(picture, camera, scene, corners)
    canvas = ImageDraw.Draw(picture)
    _draw_tyres(canvas, camera, vehicle)
    for prism in back_to_front(vehicle.body, camera.eye):
        for face in prism.faces:
            if product(face.normal, camera.eye - face.points[0]) <= 0:
                continue
            _polygon(canvas, camera(face.points), _lit(face.colour, face.normal, scene))
            for decal in face.decals:
                _polygon(canvas, camera(decal.points), _finished(decal.colour, decal.finish, face.normal, scene))
    _draw_wheels(canvas, camera, vehicle, scene)
    return _developed(picture.reduce(FINER), scene, random)


def _lit(colour: Colour, normal: Points, scene: Scene) -> Colour:
    """Lambert's law for the sun, and the sky's light by how much of the sky the face sees."""
    sky = 0.72 + 0.28 * float(normal[2])
    light = scene.ambient * sky + scene.direct * max(0.0, float(product(normal, scene.sun)))
    glance = 0.10 * max(0.0, float(normal[2]))
    r, g, b = ((1 - glance) * c * light * 1.15 + glance * h for c, h in zip(colour, scene.haze, strict=True))
    return r, g, b


def _finished(colour: Colour, finish: str, normal: Points, scene: Scene) -> Colour:
    if finish == "lamp":
        return _mix(_lit(colour, normal, scene), colour, 0.55)
    if finish == "glass":
        # Glass that leans back mirrors the sky, upright glass the darker street.
        mirrored = _mix(scene.haze, scene.zenith, 0.5)
        return _mix(_lit(colour, normal, scene), mirrored, 0.10 + 0.45 * max(0.0, float(normal[2])))
    return _lit(colour, normal, scene)


def _lit_ground(scene: Scene) -> Colour:
    light = 1.05 * (scene.ambient + 0.75 * scene.direct)
    r, g, b = (light * channel for channel in scene.ground)
    return r, g, b


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    r, g, b = ((1 - share) * a + share * c for a, c in zip(one, other, strict=True))
    return r, g, b


def _ink(colour: Iterable[float]) -> tuple[int, int, int]:
    r, g, b = (round(255 * min(1.0, max(0.0, channel))) for channel in colour)
    return r, g, b


def _polygon(canvas: ImageDraw.ImageDraw, points: Points, colour: Colour) -> None:
    canvas.polygon(points.ravel().tolist(), fill=_ink(colour))


def _draw_surroundings(
    picture: Image.Image,
    canvas: ImageDraw.ImageDraw,
    camera: Camera,
    scene: Scene,
    random: np.random.Generator,
) -> None:
    """Sky, skyline, ground, spots on the ground, and a road or parking lines."""
    width, height = picture.size
    ground = _lit_ground(scene)
    rows = np.arange(height, dtype=np.float64)[:, None]
    up = np.clip((camera.horizon - rows) / (0.9 * height), 0, 1)
    down = np.clip((rows - camera.horizon) / (0.5 * height), 0, 1) ** 0.6
    sky_rows = (1 - up) * np.array(scene.haze) + up * np.array(scene.zenith)
    far_ground: Points = np.array(_mix(ground, scene.haze, 0.35))
    ground_rows = (1 - down) * far_ground + down * np.array(ground)
    column = np.where(rows < camera.horizon, sky_rows, ground_rows)
    column = np.round(255 * np.clip(column, 0, 1)).astype(np.uint8)[:, None]
    picture.paste(Image.fromarray(column).resize((width, height), Image.Resampling.NEAREST))
    _draw_skyline(canvas, camera, scene, width, random)
    _draw_ground(canvas, camera, scene, ground, random)


def _draw_skyline(
    canvas: ImageDraw.ImageDraw, camera: Camera, scene: Scene, width: int, random: np.random.Generator
) -> None:
    foot = camera.horizon + 2
    if scene.skyline == "nothing" or foot < 0:
        return
    x = -float(random.uniform(0, 60))
    while x < width:
        w = float(random.uniform(30, 110))
        if scene.skyline == "town":
            tone = _mix(_shaded_wall(random), scene.haze, 0.45)
            top = foot - float(random.uniform(20, 130))
            canvas.rectangle((x, top, x + w, foot), fill=_ink(tone))
            pane = _ink(_mix(tone, (0.2, 0.23, 0.28), 0.45))
            for px in np.arange(x + 6, x + w - 9, 15):
                for py in np.arange(top + 6, foot - 9, 18):
                    canvas.rectangle((float(px), float(py), float(px) + 6, float(py) + 8), fill=pane)
        elif scene.skyline == "trees":
            tone = _mix(
                (0.14 + 0.1 * float(random.random()), 0.30 + 0.1 * float(random.random()), 0.13),
                scene.haze,
                0.3,
            )
            top = foot - float(random.uniform(15, 80))
            canvas.ellipse((x - 12, top, x + w + 12, foot + (foot - top) * 0.5), fill=_ink(tone))
        else:
            tone = _mix((0.35, 0.42, 0.45), scene.haze, float(random.uniform(0.45, 0.65)))
            top = foot - float(random.uniform(10, 50))
            canvas.ellipse((x - w, top, x + 2 * w, foot + (foot - top)), fill=_ink(tone))
        x += w * float(random.uniform(0.7, 1.3))
    # Crowns and hills reach below the horizon; the ground hides that.
    if scene.skyline != "town":
        ground = _lit_ground(scene)
        canvas.rectangle((0, foot, width, SIZE[1] * FINER), fill=_ink(ground))


def _shaded_wall(random: np.random.Generator) -> Colour:
    walls: tuple[Colour, ...] = (
        (0.62, 0.48, 0.40),
        (0.72, 0.68, 0.60),
        (0.50, 0.52, 0.56),
        (0.80, 0.78, 0.74),
    )
    return walls[random.integers(len(walls))]


def _draw_ground(
    canvas: ImageDraw.ImageDraw,
    camera: Camera,
    scene: Scene,
    ground: Colour,
    random: np.random.Generator,
) -> None:
    # Spots lie flat on the ground, so they narrow with the distance as the ground does.
    middles = random.uniform(-22, 22, (SPOTS, 1, 2))
    radii = random.uniform(0.1, 0.9, (SPOTS, 1, 1)) * [1.0, 0.7]
    round_spots = middles + radii * np.stack([np.cos(_CIRCLE[::2]), np.sin(_CIRCLE[::2])], axis=1)
    shades = [tuple(shade * c for c in ground) for shade in random.uniform(0.90, 1.09, SPOTS)]
    _ground_polygons(canvas, camera, round_spots, shades)
    if scene.road is None:
        return
    light = scene.ambient + 0.75 * scene.direct
    asphalt, line = [c * light for c in (0.30, 0.30, 0.32)], [c * light for c in (0.94, 0.94, 0.90)]
    middle = float(random.uniform(-1.5, 1.5))
    starts = np.arange(-60, 60, 4.0)
    for right, left, length, colour in (
        (-4.0, 4.0, 4.1, asphalt),
        (-3.86, -3.74, 4.1, line),
        (3.74, 3.86, 4.1, line),
        (-0.06, 0.06, 2.0, line),
    ):
        strips = [
            [(start, middle + right), (start + length, middle + right),
             (start + length, middle + left), (start, middle + left)]
            for start in starts
        ]  # fmt: skip
        turn = math.radians(scene.road)
        rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
        turned = product(np.array(strips), rotation)
        _ground_polygons(canvas, camera, turned, [colour] * len(strips))


def _ground_polygons(
    canvas: ImageDraw.ImageDraw, camera: Camera, shapes: Points, colours: Sequence[Iterable[float]]
) -> None:
    """Paint shapes [k,n,2] that lie on the ground; those not wholly before the camera are left away."""
    count, corners, _ = shapes.shape
    points = np.concatenate([shapes, np.zeros((count, corners, 1))], axis=2).reshape(-1, 3)
    toward = -camera.eye[:2] / np.linalg.norm(camera.eye[:2])
    ahead = product(points[:, :2] - camera.eye[:2], toward)
    seen = ahead.reshape(count, corners).min(axis=1) > 0.5
    placed = camera(points).reshape(count, -1)
    for shape, colour in zip(placed[seen].tolist(), [c for c, s in zip(colours, seen, strict=True) if s], strict=True):
        canvas.polygon(shape, fill=_ink(colour))


def _draw_shadow(picture: Image.Image, camera: Camera, scene: Scene, corners: Points) -> None:
    """The sun's shadow, and the darker place under the vehicle that any sky leaves."""
    shade = Image.new("L", SIZE, 0)
    canvas = ImageDraw.Draw(shade)
    cast = corners - scene.sun * (corners[:, 2:] / scene.sun[2])
    darkness = 90 + 150 * scene.direct
    canvas.polygon((_hull(camera(cast)) / FINER).ravel().tolist(), fill=round(110 * scene.direct / 0.62))
    canvas.polygon((_hull(camera(corners * [0.97, 0.97, 0])) / FINER).ravel().tolist(), fill=round(darkness))
    shade = shade.filter(ImageFilter.GaussianBlur(1.2))
    dark = Image.new("RGB", picture.size, (12, 13, 18))
    picture.paste(dark, mask=shade.resize(picture.size, Image.Resampling.BILINEAR))


def _hull(points: Points) -> Points:
    """The convex hull of points [n,2] (Andrew's monotone chain, 1979)."""
    ordered = sorted(map(tuple, points.tolist()))

    def chain(candidates: Iterable[tuple[float, ...]]) -> list[tuple[float, ...]]:
        kept: list[tuple[float, ...]] = []
        for x, y in candidates:
            while len(kept) > 1:
                (ax, ay), (bx, by) = kept[-2], kept[-1]
                if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                    break
                kept.pop()
            kept.append((x, y))
        return kept[:-1]

    return np.array(chain(ordered) + chain(reversed(ordered)))


def _circle(x: float, y: float, z: float, radius: float) -> Points:
    return np.stack([x + radius * np.cos(_CIRCLE), np.full_like(_CIRCLE, y), z + radius * np.sin(_CIRCLE)], axis=1)


def _draw_tyres(canvas: ImageDraw.ImageDraw, camera: Camera, vehicle: Vehicle) -> None:
    """All tyres as cylinders; the body, painted after them, hides what it should."""
    wheels = vehicle.wheels
    for x in wheels.axles:
        for side in (-1, 1):
            outer = side * wheels.track / 2
            tyre = [_circle(x, y, wheels.radius, wheels.radius) for y in (outer, outer - side * 0.28)]
            _polygon(canvas, _hull(camera(np.concatenate(tyre))), RUBBER)


def _draw_wheels(canvas: ImageDraw.ImageDraw, camera: Camera, vehicle: Vehicle, scene: Scene) -> None:
    """Arches, tyres and rims of the side that is seen: nothing stands between that side and the camera."""
    wheels = vehicle.wheels
    side = 1 if camera.eye[1] > 0 else -1
    if abs(camera.eye[1]) <= wheels.track / 2:
        return
    normal = np.array([0.0, side, 0.0])
    for x in wheels.axles:
        y = side * (wheels.track / 2 + 0.02)
        arch = _circle(x, y, wheels.radius, wheels.radius * 1.16)
        _polygon(canvas, camera(arch[arch[:, 2] >= wheels.radius * 0.95]), (0.04, 0.04, 0.045))
        _polygon(
            canvas,
            camera(_circle(x, y, wheels.radius, wheels.radius)),
            _lit((0.11, 0.11, 0.115), normal, scene),
        )
        _polygon(canvas, camera(_circle(x, y, wheels.radius, wheels.radius * 0.62)), _lit(RIM, normal, scene))
        _polygon(
            canvas,
            camera(_circle(x, y, wheels.radius, wheels.radius * 0.20)),
            _lit((0.2, 0.2, 0.21), normal, scene),
        )


def _developed(picture: Image.Image, scene: Scene, random: np.random.Generator) -> Image.Image:
    """Exposure, and the grain of a small sensor."""
    values = np.asarray(picture, dtype=np.float32) * scene.brightness
    values += random.standard_normal((SIZE[1], SIZE[0], 1), dtype=np.float32) * 2.0
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))
