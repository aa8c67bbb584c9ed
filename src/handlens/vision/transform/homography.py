"""The homography that moves a picture's four corners to given positions."""

from __future__ import annotations

from handlens.vision.transform.plan import Map, Row

Corner = tuple[float, float]


def inverse_map_of_corners(top_left: Corner, top_right: Corner, bottom_left: Corner, bottom_right: Corner) -> Map:
    """The inverse of the homography that moves the frame's corners to these (x, y), up to a positive factor.

    The corners must form a convex quadrangle. After Heckbert, Fundamentals of texture mapping and image warping
    (1989), section 2.2.3.

    Returns:
        Three rows of three: they map each place of the result to the place in the original that is seen there.

    Example:
        >>> inverse_map_of_corners((-1, -1), (1, -1), (-1, 1), (1, 1))
        ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
    """
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = top_left, top_right, bottom_right, bottom_left
    dx1, dy1, dx2, dy2 = x1 - x2, y1 - y2, x3 - x2, y3 - y2
    dx3, dy3 = x0 - x1 + x2 - x3, y0 - y1 + y2 - y3
    area = dx1 * dy2 - dx2 * dy1
    g, h = (dx3 * dy2 - dx2 * dy3) / area, (dx1 * dy3 - dx3 * dy1) / area
    # From the unit square's (u, v) to the quadrangle, then inverted: the adjugate is the inverse up to a factor.
    a, b, c = x1 - x0 + g * x1, x3 - x0 + h * x3, x0
    d, e, f = y1 - y0 + g * y1, y3 - y0 + h * y3, y0
    across, down = (e - f * h, c * h - b, b * f - c * e), (f * g - d, a - c * g, c * d - a * f)
    depth = (d * h - e * g, b * g - a * h, a * e - b * d)

    def scaled(row: Row) -> Row:
        return row[0] / depth[2], row[1] / depth[2], row[2] / depth[2]

    def doubled(row: Row) -> Row:  # u and v run from 0 to 1, x and y from -1 to 1
        return 2 * row[0] - depth[0], 2 * row[1] - depth[1], 2 * row[2] - depth[2]

    return scaled(doubled(across)), scaled(doubled(down)), scaled(depth)
