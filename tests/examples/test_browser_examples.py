"""The pages in nodes/examples, opened from their files in a real browser, see the hands of a view."""

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.graphs import until
from support.needed import need
from support.osc_receivers import NPM, NPM_INSTALL, some_hands

from handflow import Frame
from handflow.__main__ import main
from handflow.stages import view
from handflow.stages.view import View

EXAMPLES = Path(__file__).parents[2] / "nodes" / "examples" / "browser"
THREE = NPM / "three" / "build"


class Scene:
    """A view that is shown the same two hands again and again: one open, one not."""

    def __init__(self, node: View) -> None:
        self.node, self.ids, self.seq = node, [1, 2], 0
        self.over = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        image = np.full((360, 640, 3), (0, 0, 200), np.uint8)
        while not self.over.wait(0.05):
            self.seq += 1
            n = len(self.ids)
            places, opens = [[0.25, 0.5], [0.75, 0.5]], [1.0, 0.0]
            hands = some_hands(self.ids, self.seq, xy=places[:n] or np.empty((0, 2)), radius=[0.1] * n, open=opens[:n])
            self.node.process(hands, None, Frame(image=image, stream=1, seq=self.seq, captured_ns=self.seq))

    def end(self) -> None:
        self.over.set()
        self.thread.join()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    for name in ("LATE_S", "LOST_S"):  # a busy machine is late, and for a second there may be no hands
        monkeypatch.setattr(view, name, float("inf"))
    node = View(port=0, cors=("null",))
    node.start()
    made = Scene(node)
    yield made
    made.end()
    node.stop()


@pytest.fixture
def opened(browser: Any, scene: Scene) -> Iterator[Callable[..., Any]]:
    pages, wrong = [], []

    def open_(name: str, query: str = "") -> Any:
        page = browser.new_page(viewport={"width": 640, "height": 360})
        pages.append(page)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.route(
            "https://cdn.jsdelivr.net/**", lambda route: route.fulfill(path=THREE / Path(route.request.url).name)
        )
        page.goto(f"file://{EXAMPLES / name}?host=127.0.0.1:{scene.node.web.port}{query}")
        return page

    yield open_
    for page in pages:
        page.close()
    assert not wrong


def test_the_canvas_draws_a_circle_for_each_hand(opened: Callable[..., Any], scene: Scene) -> None:
    page = opened("canvas.html")
    pixel = "x => [...document.querySelector('canvas').getContext('2d').getImageData(x, 150, 1, 1).data].slice(0, 3)"
    until(lambda: page.evaluate(pixel, 160) == [0x3D, 0xDC, 0x97], "the open hand does not come")
    assert page.evaluate(pixel, 480) == [0xF4, 0xF6, 0xF8]
    scene.ids = []
    until(lambda: page.evaluate(pixel, 160) == [0, 0, 0], "it does not go")


def test_three_js_has_a_ball_for_each_hand(opened: Callable[..., Any], scene: Scene) -> None:
    need(THREE.exists(), NPM_INSTALL)
    page = opened("three.html")
    places = "() => [...window.balls ?? []].map(([id, ball]) => [id, ...ball.position.toArray(), ball.scale.x])"
    until(lambda: page.evaluate(places) == [[1, -0.5, 0, 0, 0.2], [2, 0.5, 0, 0, 0.2]], "the balls do not come")
    scene.ids = [1]
    until(lambda: [ball[0] for ball in page.evaluate(places)] == [1], "a ball does not go")


def test_obs_shows_rings_on_nothing_or_on_the_picture(opened: Callable[..., Any]) -> None:
    page = opened("obs.html")
    until(lambda: page.locator("circle").count() == 2, "the rings do not come")
    assert page.locator("circle").first.get_attribute("stroke") == "#3ddc97"
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgba(0, 0, 0, 0)"
    page = opened("obs.html", "&picture")
    until(lambda: page.evaluate("document.querySelector('img').naturalWidth") == 640, "the picture does not come")


def test_the_graph_of_the_pages_has_nothing_wrong(tmp_path: Path) -> None:
    assert main(["check", str(shutil.copy(EXAMPLES / "browser.yaml", tmp_path))]) == 0
