"""The vehicles of the built-in collection: each kind as solids, with proportions and colours of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from handlens.studio.builtin.solids import Colour, Decal, Group, Prism, Split

GLASS: Colour = (0.09, 0.12, 0.15)
TRIM: Colour = (0.10, 0.10, 0.11)
CHROME: Colour = (0.62, 0.64, 0.66)
HEADLAMP: Colour = (1.0, 0.97, 0.84)
TAIL_LAMP: Colour = (0.86, 0.07, 0.06)
AMBER: Colour = (1.0, 0.55, 0.08)
PLATE: Colour = (0.92, 0.91, 0.80)

PAINTS: tuple[Colour, ...] = (
    (0.90, 0.90, 0.88), (0.66, 0.68, 0.70), (0.36, 0.38, 0.41), (0.13, 0.13, 0.15), (0.70, 0.10, 0.10),
    (0.14, 0.27, 0.58), (0.11, 0.38, 0.26), (0.87, 0.68, 0.12), (0.83, 0.38, 0.09), (0.38, 0.58, 0.72),
    (0.45, 0.30, 0.20), (0.62, 0.58, 0.46), (0.42, 0.12, 0.22),
)  # fmt: skip


@dataclass(frozen=True)
class Wheels:
    """Where the axles are along the vehicle, the wheels' radius and how far apart the two sides are."""

    axles: tuple[float, ...]
    radius: float
    track: float


@dataclass(frozen=True)
class Vehicle:
    """A vehicle, its front towards +x, its middle over the origin."""

    body: Group
    wheels: Wheels


def paint(random: np.random.Generator) -> Colour:
    """Pick a paint, a shade lighter or darker than the tin."""
    colour = PAINTS[random.integers(len(PAINTS))]
    return _shade(colour, float(random.uniform(0.88, 1.12)))


def car(random: np.random.Generator) -> Vehicle:
    """A saloon, hatchback, estate or off-roader."""
    shape = str(random.choice(["saloon", "hatchback", "estate", "off-roader"]))
    tall = shape == "off-roader"
    length = {"saloon": 4.6, "hatchback": 3.9, "estate": 4.7, "off-roader": 4.5}[shape] * random.uniform(0.95, 1.05)
    width, floor = (1.9, 0.34) if tall else (1.8, 0.22)
    belt = (1.05 if tall else 0.88) * random.uniform(0.96, 1.05)
    roof = (1.78 if tall else 1.45) * random.uniform(0.97, 1.03)
    front, rear = length / 2, -length / 2
    colour = paint(random)
    lower = Prism(
        [
            (rear, floor),
            (rear - 0.04, belt - 0.22),
            (rear + 0.12, belt),
            (front - 1.0, belt),
            (front - 0.12, belt - 0.16),
            (front, belt - 0.34),
            (front - 0.06, floor),
        ],
        bottom=width,
        top=width - 0.14,
        colour=colour,
    )
    screen_foot = front - length * 0.27
    screen_head = screen_foot - 0.72
    tail_foot = {
        "saloon": rear + 0.62,
        "hatchback": rear + 0.14,
        "estate": rear + 0.12,
        "off-roader": rear + 0.14,
    }[shape]
    tail_head = tail_foot + {"saloon": 0.62, "hatchback": 0.42, "estate": 0.30, "off-roader": 0.18}[shape]
    cabin = Prism(
        [(tail_foot, belt), (tail_head, roof), (screen_head, roof), (screen_foot, belt)],
        bottom=width - 0.14,
        top=width - 0.48,
        colour=colour,
    )
    _cabin_glass(cabin, pillars=(0.5,) if length < 4.2 else (0.42, 0.80))
    cabin.plate(0, (-0.84, 0.84), (0.16, 0.88), GLASS, "glass")
    cabin.plate(2, (-0.90, 0.90), (0.08, 0.94), GLASS, "glass")
    _car_ends(lower, tail=0, nose=(4, 5))
    lower.sides(
        [(rear, floor), (rear, floor + 0.13), (front - 0.05, floor + 0.13), (front - 0.05, floor)],
        _shade(colour, 0.45),
    )
    for door in (screen_foot - 0.30, (screen_foot + tail_foot) / 2 - 0.05):
        lower.sides(
            [(door, floor + 0.13), (door, belt), (door + 0.03, belt), (door + 0.03, floor + 0.13)],
            _shade(colour, 0.5),
        )
    radius = 0.38 if tall else 0.33
    return Vehicle(
        Split(2, belt, lower, cabin),
        Wheels((rear + length * 0.19, front - length * 0.19), radius, width - 0.04),
    )


def van(random: np.random.Generator) -> Vehicle:
    """A delivery van, or a minibus with windows all along."""
    length, width, floor = 5.0 * random.uniform(0.92, 1.15), 1.95, 0.30
    belt, roof = 1.12, 2.15 * random.uniform(0.95, 1.12)
    front, rear = length / 2, -length / 2
    colour = paint(random)
    lower = Prism(
        [
            (rear, floor),
            (rear, belt),
            (front - 0.55, belt),
            (front - 0.08, belt - 0.26),
            (front, belt - 0.46),
            (front, floor),
        ],
        bottom=width,
        top=width - 0.04,
        colour=colour,
    )
    upper = Prism(
        [(rear, belt), (rear + 0.06, roof), (front - 1.35, roof), (front - 0.55, belt)],
        bottom=width - 0.04,
        top=width - 0.30,
        colour=colour,
    )
    top = belt + (roof - belt) * 0.80
    door = front - 1.42
    upper.sides([(door, belt + 0.05), (door, top), (front - 1.22, top), (front - 0.68, belt + 0.05)], GLASS, "glass")
    if random.random() < 0.5:
        x = rear + 0.25
        while x + 0.75 < door:
            upper.sides([(x, belt + 0.08), (x, top), (x + 0.75, top), (x + 0.75, belt + 0.08)], GLASS, "glass")
            x += 0.90
    else:
        stripe = _shade(paint(random), 1.0)
        lower.sides(
            [(rear + 0.3, belt - 0.30), (rear + 0.3, belt - 0.14), (door, belt - 0.14), (door, belt - 0.30)],
            stripe,
        )
    upper.plate(0, (-0.82, -0.06), (0.18, 0.72), GLASS, "glass")
    upper.plate(0, (0.06, 0.82), (0.18, 0.72), GLASS, "glass")
    upper.plate(2, (-0.90, 0.90), (0.14, 0.96), GLASS, "glass")
    lower.plate(0, (-0.01, 0.01), (0.1, 1.0), _shade(colour, 0.5))
    _car_ends(lower, tail=0, nose=(3, 4))
    lower.sides([(rear, floor), (rear, floor + 0.16), (front, floor + 0.16), (front, floor)], TRIM)
    lower.sides(
        [(door, floor + 0.16), (door, belt), (door + 0.03, belt), (door + 0.03, floor + 0.16)],
        _shade(colour, 0.5),
    )
    return Vehicle(Split(2, belt, lower, upper), Wheels((rear + 0.95, front - 0.85), 0.35, width - 0.04))


def pickup(random: np.random.Generator) -> Vehicle:
    """A pick-up with an open bed behind a short or long cab."""
    length, width, floor = 5.3 * random.uniform(0.95, 1.05), 1.95, 0.42
    belt, roof = 1.12, 1.82
    front, rear = length / 2, -length / 2
    colour = paint(random)
    lower = Prism(
        [
            (rear, floor),
            (rear, belt),
            (front - 0.9, belt),
            (front - 0.08, belt - 0.14),
            (front, belt - 0.34),
            (front, floor),
        ],
        bottom=width,
        top=width - 0.08,
        colour=colour,
    )
    screen_foot = front - 1.35
    cab = float(random.choice([1.75, 2.35]))
    cabin = Prism(
        [
            (screen_foot - cab, belt),
            (screen_foot - cab + 0.12, roof),
            (screen_foot - 0.62, roof),
            (screen_foot, belt),
        ],
        bottom=width - 0.10,
        top=width - 0.42,
        colour=colour,
    )
    _cabin_glass(cabin, pillars=(0.45,) if cab > 2 else ())
    cabin.plate(0, (-0.82, 0.82), (0.2, 0.88), GLASS, "glass")
    cabin.plate(2, (-0.90, 0.90), (0.10, 0.94), GLASS, "glass")
    bed = (screen_foot - cab - 0.06 - rear) / (front - 0.9 - rear)
    lower.plate(1, (-0.86, 0.86), (0.025, bed), (0.16, 0.16, 0.17))
    _car_ends(lower, tail=0, nose=(3, 4))
    lower.plate(0, (-0.95, 0.95), (0.0, 0.18), CHROME)
    lower.sides([(rear, floor), (rear, floor + 0.12), (front, floor + 0.12), (front, floor)], TRIM)
    for door in (screen_foot - 0.15, screen_foot - cab + 0.04):
        lower.sides(
            [(door, floor + 0.12), (door, belt), (door + 0.03, belt), (door + 0.03, floor + 0.12)],
            _shade(colour, 0.5),
        )
    return Vehicle(Split(2, belt, lower, cabin), Wheels((rear + 1.05, front - 0.95), 0.42, width - 0.02))


def bus(random: np.random.Generator) -> Vehicle:
    """A city bus, doors on its right side."""
    length, width, floor = 10.0 * random.uniform(0.85, 1.15), 2.5, 0.34
    roof = 3.05
    front, rear = length / 2, -length / 2
    colour = paint(random)
    body = Prism(
        [(rear, floor), (rear, roof), (front - 0.12, roof), (front, 1.2), (front, floor)],
        bottom=width,
        top=width - 0.08,
        colour=colour,
    )
    low, high = 1.28, 2.48
    below = _shade(paint(random), 1.0) if random.random() < 0.6 else _shade(colour, 0.8)
    body.sides([(rear, floor), (rear, 0.95), (front, 0.95), (front, floor)], below)
    pitch = 1.25
    count = int((length - 1.0) / pitch)
    start = front - 0.35 - count * pitch
    for i in range(count):
        x = start + i * pitch
        body.sides([(x, low), (x, high), (x + pitch - 0.10, high), (x + pitch - 0.10, low)], GLASS, "glass")
    for x in (front - 1.5, front - 1.5 - 3 * pitch):
        # Doors are where people get in: on one side only, which is what tells right from left.
        for half in (0.0, 0.55):
            shape = [(x + half, 0.42), (x + half, 2.5), (x + half + 0.5, 2.5), (x + half + 0.5, 0.42)]
            body.right.decals.append(Decal(body.on_side(shape, -1), TRIM))
            inner = [
                (x + half + 0.06, 0.7),
                (x + half + 0.06, 2.4),
                (x + half + 0.44, 2.4),
                (x + half + 0.44, 0.7),
            ]
            body.right.decals.append(Decal(body.on_side(inner, -1), GLASS, "glass"))
    body.plate(0, (-1, 1), (0.0, 0.22), below)
    body.plate(0, (-0.78, 0.78), (0.56, 0.80), GLASS, "glass")
    body.lamps(0, (0.78, 0.94), (0.24, 0.42), TAIL_LAMP)
    body.plate(0, (-0.4, 0.4), (0.24, 0.40), _shade(below, 0.6))
    body.plate(0, (-0.18, 0.18), (0.06, 0.12), PLATE)
    body.plate(2, (-0.92, 0.92), (0.26, 0.98), GLASS, "glass")
    body.plate(2, (-0.60, 0.60), (0.05, 0.19), TRIM)
    body.plate(2, (-0.50, 0.50), (0.08, 0.16), AMBER, "lamp")
    body.plate(3, (-1, 1), (0.30, 1.0), below)
    body.lamps(3, (0.62, 0.92), (0.42, 0.68), HEADLAMP)
    body.plate(3, (-0.18, 0.18), (0.78, 0.92), PLATE)
    return Vehicle(body, Wheels((rear + length * 0.24, front - length * 0.24), 0.48, width - 0.02))


def truck(random: np.random.Generator) -> Vehicle:
    """A lorry: a cab and a box, a tipper or a tank behind it."""
    length, width, floor = 7.2 * random.uniform(0.9, 1.15), 2.4, 0.55
    cab_roof = 2.65
    front, rear = length / 2, -length / 2
    colour, load = paint(random), paint(random)
    cab_back = front - 1.85
    cab = Prism(
        [
            (cab_back, floor),
            (cab_back, cab_roof),
            (front - 0.32, cab_roof),
            (front - 0.04, 1.55),
            (front, floor),
        ],
        bottom=width - 0.06,
        top=width - 0.16,
        colour=colour,
    )
    cab.sides([(front - 1.45, 1.5), (front - 1.45, 2.35), (front - 0.42, 2.35), (front - 0.22, 1.5)], GLASS, "glass")
    cab.sides(
        [(front - 1.5, floor), (front - 1.5, 1.5), (front - 1.47, 1.5), (front - 1.47, floor)],
        _shade(colour, 0.5),
    )
    cab.sides([(cab_back, floor), (cab_back, floor + 0.22), (front, floor + 0.22), (front, floor)], TRIM)
    cab.plate(2, (-0.90, 0.90), (0.20, 0.96), GLASS, "glass")
    cab.plate(3, (-0.62, 0.62), (0.16, 0.62), TRIM)
    for i in range(3):
        cab.plate(3, (-0.58, 0.58), (0.20 + i * 0.14, 0.25 + i * 0.14), CHROME)
    cab.plate(3, (-1, 1), (0.74, 1.0), TRIM)
    cab.lamps(3, (0.66, 0.93), (0.78, 0.92), HEADLAMP)
    cab.plate(3, (-0.18, 0.18), (0.84, 0.95), PLATE)

    kind = str(random.choice(["box", "tipper", "flat"]))
    chassis_top = 0.98
    chassis = Prism(
        [
            (rear, floor + 0.05),
            (rear, chassis_top),
            (cab_back - 0.12, chassis_top),
            (cab_back - 0.12, floor + 0.05),
        ],
        bottom=width - 0.5,
        top=width - 0.5,
        colour=TRIM,
    )
    height = {"box": 2.25 * random.uniform(0.9, 1.1), "tipper": 1.15, "flat": 0.45}[kind]
    top = chassis_top + height
    box = Prism(
        [
            (rear - 0.05, chassis_top),
            (rear - 0.05, top),
            (cab_back - 0.16, top),
            (cab_back - 0.16, chassis_top),
        ],
        bottom=width,
        top=width,
        colour=load,
    )
    if kind == "box":
        box.plate(0, (-0.012, 0.012), (0.04, 0.97), _shade(load, 0.5))
        box.plate(0, (-0.30, -0.24), (0.1, 0.9), CHROME)
        box.plate(0, (0.24, 0.30), (0.1, 0.9), CHROME)
        band = _shade(paint(random), 1.0)
        box.sides(
            [
                (rear + 0.6, chassis_top + height * 0.35),
                (rear + 0.6, chassis_top + height * 0.62),
                (cab_back - 0.9, chassis_top + height * 0.62),
                (cab_back - 0.9, chassis_top + height * 0.35),
            ],
            band,
        )
    else:
        box.plate(1, (-0.90, 0.90), (0.02, 0.98), (0.42, 0.34, 0.24) if kind == "tipper" else (0.30, 0.26, 0.22))
        x = rear + 0.5
        while x < cab_back - 0.6:
            box.sides([(x, chassis_top), (x, top), (x + 0.09, top), (x + 0.09, chassis_top)], _shade(load, 0.6))
            x += 0.85
    chassis.plate(0, (-1, 1), (0.0, 1.0), TRIM)
    chassis.lamps(0, (0.55, 0.98), (0.30, 0.80), TAIL_LAMP)
    chassis.plate(0, (-0.2, 0.2), (0.35, 0.75), PLATE)
    body = Split(0, cab_back - 0.06, Split(2, chassis_top, chassis, box), cab)
    axles = (rear + 0.75, rear + 1.75, front - 0.95) if length > 7 else (rear + 1.1, front - 0.95)
    return Vehicle(body, Wheels(axles, 0.50, width - 0.06))


KINDS: dict[str, tuple[float, Callable[[np.random.Generator], Vehicle]]] = {
    "car": (0.44, car),
    "van": (0.15, van),
    "pick-up": (0.14, pickup),
    "bus": (0.13, bus),
    "truck": (0.14, truck),
}
"""How often each kind drives by, and how to make one."""


def _shade(colour: Colour, by: float) -> Colour:
    r, g, b = (min(1.0, channel * by) for channel in colour)
    return r, g, b


def _cabin_glass(cabin: Prism, *, pillars: tuple[float, ...]) -> None:
    """Side windows that follow the cabin's outline, parted by pillars at these shares from back to front."""
    (back_foot, low), (back_head, high), (front_head, _), (front_foot, _) = cabin.corners
    bottom, top = low + 0.06, high - 0.10
    share_low, share_high = (bottom - low) / (high - low), (top - low) / (high - low)

    def edge(share: float, height: float) -> float:
        back = back_foot + height * (back_head - back_foot) + 0.10
        front = front_foot + height * (front_head - front_foot) - 0.10
        return float(back + share * (front - back))

    cuts = (0.0, *pillars, 1.0)
    for start, end in pairwise(cuts):
        gap_start, gap_end = (0.02 if start > 0 else 0.0), (0.02 if end < 1 else 0.0)
        # Pillars stand upright, only the two outer edges lean with the cabin.
        lean_start = share_high if start == 0 else share_low
        lean_end = share_high if end == 1 else share_low
        cabin.sides(
            [
                (edge(start + gap_start, share_low), bottom),
                (edge(start + gap_start, lean_start), top),
                (edge(end - gap_end, lean_end), top),
                (edge(end - gap_end, share_low), bottom),
            ],
            GLASS,
            "glass",
        )


def _car_ends(lower: Prism, *, tail: int, nose: tuple[int, int]) -> None:
    """Lamps, bumpers, grille and plates of a lower body; `nose` is its slope and its upright face."""
    lower.plate(tail, (-0.96, 0.96), (0.0, 0.30), TRIM)
    lower.lamps(tail, (0.66, 0.97), (0.58, 0.94), TAIL_LAMP)
    lower.plate(tail, (-0.26, 0.26), (0.44, 0.62), PLATE)
    slope, upright = nose
    lower.lamps(slope, (0.58, 0.96), (0.15, 1.0), HEADLAMP)
    lower.lamps(upright, (0.60, 0.96), (0.0, 0.22), HEADLAMP)
    lower.plate(upright, (-0.52, 0.52), (0.06, 0.42), TRIM)
    lower.plate(upright, (-0.52, 0.52), (0.20, 0.26), CHROME)
    lower.plate(upright, (-0.96, 0.96), (0.68, 1.0), TRIM)
    lower.plate(upright, (-0.24, 0.24), (0.50, 0.66), PLATE)
