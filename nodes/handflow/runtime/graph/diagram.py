"""The picture of a graph, as Mermaid, Graphviz or SVG text. Dashed: an input that does not drive."""

from collections.abc import Mapping
from html import escape

from .stage import Stage

WIDTH, HEIGHT, GAP = 130, 44, 60  # px of a box, and between columns


def mermaid(stages: Mapping[str, Stage]) -> str:
    lines = ["flowchart LR"]
    lines += [f"  {_id(name)}[{_label(stage)}]" for name, stage in stages.items()]
    for name, stage in stages.items():
        for place, edge in enumerate(stage.edges):
            lines.append(f"  {_id(edge.node)} {'-.->' if place else '-->'}|{edge.kind.__name__}| {_id(name)}")
    return "\n".join(lines)


def dot(stages: Mapping[str, Stage]) -> str:
    lines = ["digraph handflow {", "  rankdir=LR; node [shape=box];"]
    lines += [f'  "{name}" [label="{_label(stage)}"];' for name, stage in stages.items()]
    for name, stage in stages.items():
        for place, edge in enumerate(stage.edges):
            style = ", style=dashed" if place else ""
            lines.append(f'  "{edge.node}" -> "{name}" [label="{edge.kind.__name__}"{style}];')
    return "\n".join([*lines, "}"])


def svg(stages: Mapping[str, Stage]) -> str:
    """Columns by distance from the source along driving inputs; each column's nodes below each other."""
    columns: dict[str, int] = {}
    for name in stages:
        steps, at = 0, name
        while stages[at].edges:
            at, steps = stages[at].edges[0].node, steps + 1
        columns[name] = steps
    rows = {name: sum(columns[other] == columns[name] for other in list(stages)[:i]) for i, name in enumerate(stages)}
    x = {name: 10 + column * (WIDTH + GAP) for name, column in columns.items()}
    y = {name: 20 + row * (HEIGHT + 40) for name, row in rows.items()}
    width, height = max(x.values()) + WIDTH + 10, max(y.values()) + HEIGHT + 40
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"',
        ' font-family="sans-serif" font-size="13">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#555"/></marker></defs>',
    ]
    texts = []
    for name, stage in stages.items():
        for place, edge in enumerate(stage.edges):
            dash = ' stroke-dasharray="5 4"' if place else ""
            left, right = x[edge.node] + WIDTH, x[name]
            top, bottom = y[edge.node] + HEIGHT // 2, y[name] + HEIGHT // 2
            if left <= right:
                path, middle = f"M{left} {top} L{right} {bottom}", ((left + right) // 2, (top + bottom) // 2 - 6)
            else:  # back: below the boxes
                low = max(y.values()) + HEIGHT + 20
                path = f"M{left - WIDTH // 2} {y[edge.node] + HEIGHT} V{low} H{right + WIDTH // 2} V{y[name] + HEIGHT}"
                middle = ((left + right) // 2, low - 6)
            out.append(f'<path d="{path}" fill="none" stroke="#555"{dash} marker-end="url(#tip)"/>')
            where = f'x="{middle[0]}" y="{middle[1]}" text-anchor="middle" fill="#555"'
            texts.append(
                f'<text {where} stroke="#fff" stroke-width="5" paint-order="stroke">{edge.kind.__name__}</text>'
            )
    out += texts  # above the lines, with a white rim
    for name, stage in stages.items():
        box = f'x="{x[name]}" y="{y[name]}" width="{WIDTH}" height="{HEIGHT}"'
        where = f'x="{x[name] + WIDTH // 2}" y="{y[name] + HEIGHT // 2 + 5}" text-anchor="middle"'
        out.append(f'<rect {box} rx="6" fill="#eef" stroke="#335"/><text {where}>{escape(_label(stage))}</text>')
    return "\n".join([*out, "</svg>"])


def _id(name: str) -> str:
    return "n_" + name.replace("-", "_")  # Mermaid has words of its own, such as `end`


def _label(stage: Stage) -> str:
    run = stage.run.rpartition("/")[2]
    return stage.name if run == stage.name else f"{stage.name}: {run}"
