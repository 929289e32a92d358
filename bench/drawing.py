"""Curves as one SVG: a small chart for each, both axes logarithmic, the limits as broken lines."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10

from bench.curves.curve import Measured

COLUMNS = 3
WIDTH, HEIGHT = 320, 220
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 42, 34
# Colours that are readable on white and on black pages.
INK, LINE, ALLOWED = "#6e7781", "#2f81f7", "#d29922"


def drawn(measured: Sequence[Measured]) -> str:
    """Return an SVG with a chart of each curve."""
    rows = ceil(len(measured) / COLUMNS)
    size = f'width="{COLUMNS * WIDTH}" height="{rows * HEIGHT}"'
    box = f'viewBox="0 0 {COLUMNS * WIDTH} {rows * HEIGHT}"'
    charts = []
    for place, one in enumerate(measured):
        x, y = place % COLUMNS * WIDTH, place // COLUMNS * HEIGHT
        charts.append(f'<g transform="translate({x} {y})">\n{_chart(one)}\n</g>')
    start = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {box} font-family="sans-serif" font-size="11">'
    return "\n".join([start, *charts, "</svg>", ""])


def _chart(one: Measured) -> str:
    curve, points = one.curve, [(size, max(cost, one.curve.floor)) for size, cost in one.points]
    allowed = sorted((size, most) for size, most in curve.most.items() if size >= points[0][0])
    sizes, costs = zip(*points, *allowed, strict=True)
    x_from, x_to = log10(min(sizes)), log10(max(sizes))
    y_from, y_to = (
        floor(log10(min(costs))),
        max(ceil(log10(max(costs))), floor(log10(min(costs))) + 1),
    )

    def x(size: float) -> float:
        share = (log10(size) - x_from) / ((x_to - x_from) or 1)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(cost: float) -> float:
        return HEIGHT - BOTTOM - (log10(cost) - y_from) / (y_to - y_from) * (HEIGHT - TOP - BOTTOM)

    what = escape(f"{curve.unit} over {curve.over}; power {one.slope():.2f}")
    parts = [
        _text(LEFT, 16, escape(curve.name), "start", "bold"),
        _text(LEFT, 31, what, "start"),
    ]
    for power in range(y_from, y_to + 1):
        parts.append(_line([(LEFT, y(10.0**power)), (WIDTH - RIGHT, y(10.0**power))], INK, "0.3"))
        parts.append(_text(LEFT - 5, y(10.0**power) + 4, _short(10.0**power), "end"))
    for size, _ in points:
        parts.append(_text(x(size), HEIGHT - BOTTOM + 15, _short(size), "middle"))
    parts += [
        _line([(x(size) - 9, y(most)), (x(size) + 9, y(most))], ALLOWED, "2", "4 2")
        for size, most in allowed
    ]
    parts.append(_line([(x(size), y(cost)) for size, cost in points], LINE, "2"))
    parts += [
        f'<circle cx="{x(size):.1f}" cy="{y(cost):.1f}" r="3" fill="{LINE}"/>'
        for size, cost in points
    ]
    return "\n".join(parts)


def _line(
    places: Sequence[tuple[float, float]], colour: str, width: str, broken: str = "none"
) -> str:
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    style = f'stroke="{colour}" stroke-width="{width}" stroke-dasharray="{broken}"'
    return f'<polyline points="{points}" fill="none" {style}/>'


def _text(x: float, y: float, text: str, anchor: str, weight: str = "normal") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} fill="{INK}" font-weight="{weight}">{text}</text>'


def _short(number: float) -> str:
    """Return a number in few characters: 0.001, 50, 20k, 1M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return f"{number:g}"
