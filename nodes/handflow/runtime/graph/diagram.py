"""The picture of a graph, as Mermaid, Graphviz or SVG text. Dashed: an input that does not drive."""

import json
import re
from collections.abc import Mapping
from html import escape

from handflow.runtime.names import one_line
from handflow.runtime.transport.wire import Edge

from .stage import Stage

WIDTH, HEIGHT, GAP = 130, 44, 60  # px of a box, and between columns


def mermaid(stages: Mapping[str, Stage]) -> str:
    """A flowchart for Markdown; dotted arrows are inputs that do not drive."""
    lines = ["flowchart LR"]
    lines += [f"  {_id(name)}[{_quoted(_label(stage))}]" for name, stage in stages.items()]
    for name, stage in stages.items():
        for edge in stage.edges:
            lines.append(f"  {_id(edge.node)} {'-->' if edge.drives else '-.->'}|{_what(edge)}| {_id(name)}")
    return "\n".join(lines)


def dot(stages: Mapping[str, Stage]) -> str:
    """A digraph for Graphviz; dashed arrows are inputs that do not drive."""
    lines = ["digraph handflow {", "  rankdir=LR; node [shape=box];"]
    lines += [f'  "{name}" [label={json.dumps(_label(stage), ensure_ascii=False)}];' for name, stage in stages.items()]
    for name, stage in stages.items():
        for edge in stage.edges:
            style = "" if edge.drives else ", style=dashed"
            lines.append(f'  "{edge.node}" -> "{name}" [label="{_what(edge)}"{style}];')
    return "\n".join([*lines, "}"])


def svg(stages: Mapping[str, Stage]) -> str:
    """Columns by distance from the source along driving inputs; each column's nodes below each other."""
    x, y = _corners(stages)
    width, height = max(x.values()) + WIDTH + 10, max(y.values()) + HEIGHT + 40
    arrows, kinds, boxes = [], [], []
    for name, stage in stages.items():
        for edge in stage.edges:
            path, middle = _path(x, y, edge.node, name)
            dash = "" if edge.drives else ' stroke-dasharray="5 4"'
            arrows.append(f'<path d="{path}" fill="none" stroke="#555"{dash} marker-end="url(#tip)"/>')
            where = f'x="{middle[0]}" y="{middle[1]}" text-anchor="middle" fill="#555"'
            rim = 'stroke="#fff" stroke-width="5" paint-order="stroke"'
            kinds.append(f"<text {where} {rim}>{_what(edge)}</text>")
        box = f'x="{x[name]}" y="{y[name]}" width="{WIDTH}" height="{HEIGHT}"'
        where = f'x="{x[name] + WIDTH // 2}" y="{y[name] + HEIGHT // 2 + 5}" text-anchor="middle"'
        boxes.append(f'<rect {box} rx="6" fill="#eef" stroke="#335"/><text {where}>{escape(_label(stage))}</text>')
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"',
        ' font-family="sans-serif" font-size="13">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#555"/></marker></defs>',
    ]
    return "\n".join([*head, *arrows, *kinds, *boxes, "</svg>"])


def _corners(stages: Mapping[str, Stage]) -> tuple[dict[str, int], dict[str, int]]:
    """Each box's left and its top, in px."""
    x: dict[str, int] = {}
    y: dict[str, int] = {}
    for name in stages:
        steps, upstream = 0, name
        while stages[upstream].edges:
            upstream, steps = stages[upstream].edges[0].node, steps + 1
        x[name] = 10 + steps * (WIDTH + GAP)
        y[name] = 20 + [x[other] for other in y].count(x[name]) * (HEIGHT + 40)
    return x, y


def _path(x: Mapping[str, int], y: Mapping[str, int], producer: str, reader: str) -> tuple[str, tuple[int, int]]:
    """An arrow's path, and where its text stands."""
    left, right = x[producer] + WIDTH, x[reader]
    top, bottom = y[producer] + HEIGHT // 2, y[reader] + HEIGHT // 2
    if left <= right:
        return f"M{left} {top} L{right} {bottom}", ((left + right) // 2, (top + bottom) // 2 - 6)
    low = max(y.values()) + HEIGHT + 20  # back, below the boxes
    path = f"M{left - WIDTH // 2} {y[producer] + HEIGHT} V{low} H{right + WIDTH // 2} V{y[reader] + HEIGHT}"
    return path, ((left + right) // 2, low - 6)


def _what(edge: Edge) -> str:
    """What goes along an edge."""
    return f"{edge.kind.__name__} of {edge.stream}" if edge.stream else edge.kind.__name__


def _id(name: str) -> str:
    return "n_" + name.replace("-", "_")  # Mermaid has words of its own, such as `end`


def _quoted(label: str) -> str:
    """A label as Mermaid reads it: as it is where it has no signs of its language."""
    return label if re.fullmatch(r"[\w .:-]*", label) else '"' + label.replace('"', "#quot;") + '"'


def _label(stage: Stage) -> str:
    run = stage.run.rpartition("/")[2]
    return stage.name if run == stage.name else one_line(f"{stage.name}: {run}")
