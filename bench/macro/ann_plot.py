"""Plots of the benches of indexes as SVG, written by hand: two kinds of plot need no library."""
import math

import ann_curve

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 440, 78, 190, 40, 52
COLOURS = ("#c8102e", "#1f5aa6", "#5b9bd5", "#2e8540", "#8a6d3b", "#7b4fa3", "#555555")


class Axis:
    """Numbers to places; `to` bends the numbers first (a logarithm)."""

    def __init__(self, low, high, begin, end, to=float):
        self.low, self.begin, self.end, self.to = to(low), begin, end, to
        self.span = (to(high) - self.low) or 1.0

    def at(self, value):
        return self.begin + (self.to(value) - self.low) / self.span * (self.end - self.begin)


def text(x, y, words, extra=""):
    clean = str(words).replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" {extra}>{clean}</text>'


def decades(low, high):
    """1, 2 and 5 times powers of ten between two numbers."""
    steps = [base * 10.0 ** power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
             for base in (1, 2, 5)]
    return [step for step in steps if low <= step <= high]


def frame(title, x_name, y_name, x, y, x_ticks, y_ticks):
    bottom = HEIGHT - BOTTOM
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
             f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', text(LEFT, 24, title, 'font-size="14"')]
    for value, words in x_ticks:
        parts.append(f'<line x1="{x.at(value):.1f}" x2="{x.at(value):.1f}" y1="{TOP}" y2="{bottom}" stroke="#ddd"/>')
        parts.append(text(x.at(value), bottom + 18, words, 'text-anchor="middle"'))
    for value, words in y_ticks:
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y.at(value):.1f}" y2="{y.at(value):.1f}" stroke="#ddd"/>')
        parts.append(text(LEFT - 6, y.at(value) + 4, words, 'text-anchor="end"'))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_name, 'text-anchor="middle"'))
    parts.append(text(16, (TOP + bottom) / 2, y_name, f'text-anchor="middle" transform="rotate(-90 16 {(TOP + bottom) / 2})"'))
    return parts


def drawn(parts, x, y, lines):
    """Each of [(name, [(x, y)])] as a line with dots, and the names beside the plot."""
    for number, (name, points) in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        placed = [(x.at(a), y.at(b)) for a, b in points]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in placed)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in placed]
        row = TOP + 10 + 20 * number
        parts.append(f'<rect x="{WIDTH - RIGHT + 12}" y="{row - 8}" width="12" height="4" fill="{colour}"/>')
        parts.append(text(WIDTH - RIGHT + 30, row, name))
    return "\n".join([*parts, "</svg>"]) + "\n"


def curves(found, path):
    """Recall against queries per second, both drawn so that what matters has room; of each side its best points."""
    lines = [(name, ann_curve.frontier([(min(one["recall"], 0.9999), one["qps"]["median"]) for one in side["points"]]))
             for name, side in found["sides"].items()]
    rates = [rate for _, points in lines for _, rate in points]
    x = Axis(0.8, 0.9999, LEFT, WIDTH - RIGHT, lambda recall: -math.log10(1 - recall))
    y = Axis(min(rates), max(rates), HEIGHT - BOTTOM, TOP, math.log10)
    parts = frame(f"{found['set']}, {found['count']:,} x {found['dim']}, one thread", f"recall@{found['k']}",
                  "queries per second", x, y, [(one, one) for one in (0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)],
                  [(one, f"{one:,.0f}") for one in decades(min(rates), max(rates))])
    path.write_text(drawn(parts, x, y, lines))


def growth(rows, path, title):
    """Cost of a query against the number of vectors; both logarithmic, costs beside that of the fewest."""
    lines = [(name, [(row["count"], row[key] / rows[0][key]) for row in rows])
             for name, key in (("distances", "distances"), ("CPU time", "cpu_us"))]
    highest = max(2.0, *(cost for _, points in lines for _, cost in points))
    lowest = min(1.0, *(cost for _, points in lines for _, cost in points))
    counts = [row["count"] for row in rows]
    x = Axis(min(counts), max(counts), LEFT, WIDTH - RIGHT, math.log10)
    y = Axis(lowest, highest, HEIGHT - BOTTOM, TOP, math.log10)
    parts = frame(title, "vectors", "cost of a query, times that of the fewest", x, y,
                  [(one, f"{one:,}") for one in counts], [(one, f"{one:g}") for one in decades(lowest, highest)])
    path.write_text(drawn(parts, x, y, lines))
