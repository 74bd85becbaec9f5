"""The pages for browsers hold the hands that were sent and draw them, a thousand frames long."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.engines import EXAMPLES, FRAMES, HANDS
from support.graphs import until
from support.needed import need
from support.osc_receivers import NPM, NPM_INSTALL

from handflow import Hands, State
from handflow.stages import view as stage
from handflow.stages.view import View
from handflow.synthetic.patterns import SIZE, Crowd

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# Small, for it is drawn without a GPU.
WIDTH, HEIGHT = 160, 90
# After each line the page's own values are noted; `circles`: what the last picture of the canvas was made of.
NOTING = """
window.told = [], window.circles = [];
let now = [];
const { arc } = CanvasRenderingContext2D.prototype, painted = window.requestAnimationFrame;
CanvasRenderingContext2D.prototype.arc = function (...values) {
  now.push(values.slice(0, 3));
  arc.apply(this, values);
};
// Ten pictures a second: without a GPU they leave no time for what comes otherwise.
window.requestAnimationFrame = (draw) =>
  setTimeout(() => painted((at) => { now = []; draw(at); window.circles = now; }), 100);
window.WebSocket = class extends WebSocket {
  set onmessage(read) {
    super.onmessage = (event) => { read(event); told.push(state()); };
  }
};
"""
# How many there are from the first hand on.
COUNT = "(first => first < 0 ? 0 : told.length - first)(told.findIndex((state) => state.length))"
CANVAS = "const state = () => hands.map(({ id, x, y, radius }) => [id, x, y, radius]);"
THREE = """const state = () => [...(window.balls ?? [])].map(([id, { position, scale }]) =>
  [id, (position.x + 1) / 2, (1 - position.y * 16 / 9) / 2, scale.x / 2]);"""


@pytest.fixture
def view(monkeypatch: pytest.MonkeyPatch) -> Iterator[View]:
    # However slow the page is, nothing is told but what is sent.
    monkeypatch.setattr(stage, "LOST_S", math.inf)
    node = View(port=0, cors=("null",))
    node.start()
    yield node
    node.stop()


def told_of(hands: Hands) -> list[list[float]]:
    there = [row for row in range(len(hands.id)) if hands.state[row] != State.LEAVING]
    return [[int(hands.id[row]), *hands.xy[row].tolist(), float(hands.radius[row])] for row in there]


def follow(page: Any, view: View, name: str, script: str, each_100: Any = None) -> None:
    """Sends a storm; after each frame the page holds the hands that are there."""
    crowd, wanted = Crowd("storm", HANDS), []
    page.add_init_script(NOTING + script)
    page.route(
        "https://cdn.jsdelivr.net/**",
        lambda route: route.fulfill(path=NPM / "three" / "build" / Path(route.request.url).name),
    )
    page.goto(f"file://{EXAMPLES / 'browser' / name}?host=127.0.0.1:{view.web.port}")
    # An empty frame again and again until it is heard.
    seq = 0

    def send(hands: Hands) -> None:
        nonlocal seq
        seq += 1
        hands.stream, hands.seq, hands.captured_ns = 1, seq, seq * 10**9 // 60
        view.process(hands, None, None)

    def heard() -> int:
        send(Hands(width=SIZE[0], height=SIZE[1]))
        return page.evaluate("told.length")

    until(heard, "nothing is heard")
    for number in range(1, FRAMES + 1):
        hands = crowd.at(number / 60)
        send(hands)
        wanted.append(told_of(hands))
        if number % 20 == 0:
            count = len(begun(wanted))
            until(lambda count=count: page.evaluate(COUNT) >= count, f"{count} frames expected")  # type: ignore[misc]
            if each_100 and number % 100 == 0:
                each_100(page, wanted[-1])
    found, sent = begun(page.evaluate("told")), begun(wanted)
    assert len(found) == len(sent)
    for mine, theirs in zip(sent, found, strict=True):
        assert same(mine, theirs)


def begun(states: list) -> list:
    return states[next((n for n, state in enumerate(states) if state), len(states)) :]


def same(wanted: list[list[float]], found: list[list[float]]) -> bool:
    return len(wanted) == len(found) and all(
        all(map(lambda a, b: math.isclose(a, b, abs_tol=2e-5), *pair))
        for pair in zip(sorted(wanted), sorted(found), strict=True)
    )


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    wrong: list[str] = []
    made = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    made.on("pageerror", lambda error: wrong.append(str(error)))
    yield made
    made.close()
    assert not wrong


def test_the_canvas(page: Any, view: View) -> None:
    def drawn(page: Any, hands: list[list[float]]) -> None:
        want = [[x * WIDTH, y * HEIGHT, radius * WIDTH] for _, x, y, radius in hands]
        until(lambda: same_circles(want, page.evaluate("circles")), "they are not drawn")

    follow(page, view, "canvas.html", CANVAS, drawn)


def same_circles(wanted: list[list[float]], found: list[list[float]]) -> bool:
    return len(wanted) == len(found) and all(
        all(map(lambda a, b: abs(a - b) < 0.02, *pair)) for pair in zip(sorted(wanted), sorted(found), strict=True)
    )


def test_three_js(page: Any, view: View) -> None:
    need((NPM / "three").exists(), NPM_INSTALL)
    follow(page, view, "three.html", THREE)
