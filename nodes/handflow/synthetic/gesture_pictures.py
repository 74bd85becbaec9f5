"""Gestures as small moving pictures (SVG): one turn of each; hands are green while open, and their ways lie behind."""

from collections.abc import Iterable

from .gestures import GESTURES, TURN_S, GesturePose

FPS = 15
WIDTH, HEIGHT, SIZE = 150, 100, 10.0  # of a picture, and of a hand, in pixels
BETWEEN = 2.8  # sizes from one hand to the other at rest
OPEN_AT, OPEN, FIST = 0.6, "#2fae76", "#8a949e"


def picture(name: str) -> str:
    """The gesture `name` as the text of an SVG file."""
    gesture = GESTURES[name]
    times = [number / FPS for number in range(round(TURN_S * FPS) + 1)]
    ways = [[gesture.pose(hand, time_s) for time_s in times] for hand in range(gesture.hands)]
    sides = [(hand - (gesture.hands - 1) / 2) * BETWEEN for hand in range(gesture.hands)]
    # What is drawn stands in the middle of the picture.
    left = min(pose.x + side for way, side in zip(ways, sides, strict=True) for pose in way)
    right = max(pose.x + side for way, side in zip(ways, sides, strict=True) for pose in way)
    high, low = min(pose.y for way in ways for pose in way), max(pose.y for way in ways for pose in way)
    x_off, y_off = WIDTH / 2 - (left + right) / 2 * SIZE, HEIGHT / 2 - (high + low) / 2 * SIZE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">',
        f"<title>{name}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#eef1f4"/>',
    ]
    for way, side in zip(ways, sides, strict=True):
        parts += _hand(way, x_off + side * SIZE, y_off)
    return "\n".join([*parts, "</svg>", ""])


def _hand(way: list[GesturePose], x: float, y: float) -> list[str]:
    xs, ys = [x + pose.x * SIZE for pose in way], [y + pose.y * SIZE for pose in way]
    points = " ".join(dict.fromkeys(f"{x:.0f},{y:.0f}" for x, y in zip(xs, ys, strict=True)))
    radii = [pose.size * SIZE / 2 * 1.3 for pose in way]
    return [
        f'<polyline points="{points}" fill="none" stroke="#b9c2cb" stroke-width="2"/>',
        f'<circle cx="{xs[0]:.0f}" cy="{ys[0]:.0f}" r="{radii[0]:.1f}" fill="{_colour(way[0])}">',
        *_animated("cx", (f"{x:.0f}" for x in xs)),
        *_animated("cy", (f"{y:.0f}" for y in ys)),
        *_animated("r", (f"{radius:.1f}" for radius in radii)),
        *_animated("fill", (_colour(pose) for pose in way)),
        "</circle>",
    ]


def _colour(pose: GesturePose) -> str:
    return OPEN if pose.open >= OPEN_AT else FIST


def _animated(name: str, values: Iterable[str]) -> list[str]:
    """An attribute that changes; none where it does not. Only the moments at which it does are written."""
    told = list(values)
    if len(set(told)) == 1:
        return []
    kept = [n for n in range(len(told)) if n in (0, len(told) - 1) or not told[n - 1] == told[n] == told[n + 1]]
    times = ";".join(f"{n / (len(told) - 1):.3g}" for n in kept)
    mode = ' calcMode="discrete"' if name == "fill" else ""
    return [
        f'<animate attributeName="{name}" dur="{TURN_S}s" repeatCount="indefinite"{mode} keyTimes="{times}"'
        f' values="{";".join(told[n] for n in kept)}"/>'
    ]
