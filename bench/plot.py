"""A plain line plot as SVG, without any library."""
import html
import math

COLOURS = ("#0b5fa5", "#c2410c", "#15803d", "#7e22ce", "#a16207", "#334155")
WIDTH, HEIGHT, LEFT, TOP, GAP = 460, 260, 56, 34, 40


def nice(limit):
    """A round number at or above `limit`, and a step that gives about five lines."""
    limit = max(limit, 1e-9)
    power = 10 ** math.floor(math.log10(limit))
    step = next(s * power / 5 for s in (1, 2, 2.5, 5, 10) if s * power >= limit)
    return math.ceil(limit / step) * step, step


def label(value):
    return f"{value:g}"


def panel(x0, title, unit, curves):
    """One diagram: axes, lines, and each curve in its colour."""
    last_x = max(x for points in curves.values() for x, _ in points) or 1
    top, step = nice(max(y for points in curves.values() for _, y in points))
    right, bottom = x0 + WIDTH, TOP + HEIGHT

    def at(x, y):
        return f"{x0 + x / last_x * WIDTH:.1f},{bottom - y / top * HEIGHT:.1f}"

    out = [f'<text x="{x0}" y="{TOP - 10}" class="t">{html.escape(title)}</text>']
    for i in range(round(top / step) + 1):
        y = bottom - i * step / top * HEIGHT
        out.append(f'<path d="M{x0} {y:.1f}H{right}" class="g"/><text x="{x0 - 6}" y="{y + 4:.1f}" class="e">{label(round(i * step, 9))}</text>')
    for i in range(5):
        out.append(f'<text x="{x0 + i * WIDTH / 4:.1f}" y="{bottom + 16}" class="m">{label(round(last_x * i / 4, 1))}</text>')
    out.append(f'<text x="{right}" y="{bottom + 32}" class="e">{html.escape(unit)}</text>')
    for colour, points in zip(COLOURS, curves.values()):
        out.append(f'<polyline points="{" ".join(at(x, y) for x, y in points)}" fill="none" stroke="{colour}" stroke-width="2"/>')
    return out


def svg(title, unit, diagrams):
    """`diagrams`: (title, {name: [(x, y), …]}) beside each other; the names are the same in all."""
    names = list(diagrams[0][1])
    width = LEFT + len(diagrams) * (WIDTH + LEFT + GAP)
    height = TOP + HEIGHT + 64
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{html.escape(title)}">',
           "<style>text{font:12px sans-serif;fill:#334155}.t{font-weight:bold}.e{text-anchor:end}.m{text-anchor:middle}"
           ".g{stroke:#cbd5e1;stroke-width:1}</style>",
           f'<rect width="{width}" height="{height}" fill="#ffffff"/>']
    for i, (name, curves) in enumerate(diagrams):
        out += panel(LEFT + i * (WIDTH + LEFT + GAP), name, unit, curves)
    for i, (colour, name) in enumerate(zip(COLOURS, names)):
        x = LEFT + i * 140
        out.append(f'<rect x="{x}" y="{height - 20}" width="14" height="4" fill="{colour}"/><text x="{x + 20}" y="{height - 13}">{html.escape(name)}</text>')
    return "\n".join(out + ["</svg>"]) + "\n"
