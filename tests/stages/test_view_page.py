"""The view page, in a real browser without a screen: what it draws."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.graphs import Run, until
from support.viewing import Feed, hands, heatmap, running_view

from handflow import Frame, Hands, Heatmap
from handflow.stages.view import View


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[View]:
    yield from running_view(monkeypatch)


@pytest.fixture
def opened(browser: Any, node: View) -> Iterator[Callable[..., Any]]:
    """Opens the page over a scene and waits until it is live; what goes wrong in it fails the test."""
    feeds, pages, wrong = [], [], []

    def refused(message: Any) -> bool:
        # A stopped program is no fault.
        away = "WebSocket connection" in message.text or "net::ERR_" in message.text
        return message.type == "error" and not away

    def open_(scene: Callable[[Frame], tuple[Hands | None, Heatmap | None]], **settings: Any) -> Any:
        feeds.append(Feed(node, scene))
        page = browser.new_page(**{"viewport": {"width": 1000, "height": 600}} | settings)
        pages.append(page)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if refused(message) else None)
        page.on("request", lambda request: request.url.startswith(node.web.url) or wrong.append(request.url))
        page.goto(node.web.url)
        page.wait_for_selector('#state[data-state="live"]')
        return page

    yield open_
    for feed in feeds:
        feed.end()
    for page in pages:
        page.close()
    assert not wrong


def pixel(page: Any, x: float, y: float, canvas: str = "overlay") -> list[int]:
    """Red, green, blue and opacity at a place of the picture, 0..1; the picture is 16:9 within its canvas."""
    return page.evaluate(
        """([id, x, y]) => {
            const c = document.getElementById(id), scale = Math.min(c.width / 16, c.height / 9);
            const left = (c.width - 16 * scale) / 2, top = (c.height - 9 * scale) / 2;
            const at = [left + x * 16 * scale, top + y * 9 * scale].map(Math.round);
            return [...c.getContext("2d").getImageData(...at, 1, 1).data];
        }""",
        [canvas, x, y],
    )


def drawn(page: Any) -> int:
    """The number of the frame that the page shows."""
    return int(page.evaluate("document.documentElement.dataset.frame"))


def test_hands_are_drawn_where_they_are_open_ones_green_others_white(opened: Callable[..., Any]) -> None:
    page = opened(lambda of: (hands(of, (0.3, 0.5, True), (0.7, 0.5, False)), None))
    assert pixel(page, 0.5, 0.1, "image")[:3] == pytest.approx([90, 90, 90], abs=4)
    red, green, _, opacity = pixel(page, 0.4, 0.5)  # on the ring: radius 0.1 of the width
    assert green > 180 > red
    assert opacity > 200
    assert min(pixel(page, 0.8, 0.5)[:3]) > 200
    assert pixel(page, 0.5, 0.5)[3] == 0
    assert page.text_content("#hands") == "2"
    assert page.text_content("#open") == "1"
    page.click("[data-layer=hands]")
    assert pixel(page, 0.4, 0.5)[3] == 0


def test_what_is_counted_is_of_the_frame_that_is_drawn(opened: Callable[..., Any]) -> None:
    """Every other frame has a second hand; the page is asked for both at one time, between two frames."""
    page = opened(lambda of: (hands(of, (0.3, 0.5, True), *[(0.7, 0.5, True)] * (of.seq % 2)), None))
    seen = page.evaluate(
        """async () => {
            const seen = [], text = (id) => document.getElementById(id).textContent;
            while (seen.length < 12) {
                await new Promise((done) => setTimeout(done, 40));
                seen.push([Number(document.documentElement.dataset.frame), text("hands"), text("open")]);
            }
            return seen;
        }"""
    )
    assert {number % 2 for number, *_ in seen} == {0, 1}
    for number, *counts in seen:
        assert counts == [str(1 + (number + 1) % 2)] * 2  # `frame` counts from 0


def test_the_heatmap_lies_on_its_place_in_the_picture(opened: Callable[..., Any]) -> None:
    page = opened(lambda of: (hands(of), heatmap(of, 6, 11)))
    red, green, blue, opacity = pixel(page, 11.5 / 16, 6.5 / 9)
    assert opacity > 120
    assert red > green > blue
    assert pixel(page, 3.5 / 16, 6.5 / 9)[3] == pixel(page, 11.5 / 16, 2.5 / 9)[3] == 0
    page.click("[data-layer=any]")
    assert pixel(page, 11.5 / 16, 6.5 / 9)[3] == 0


def test_a_phone_sees_all_of_it_without_scrolling_sideways(opened: Callable[..., Any]) -> None:
    page = opened(
        lambda of: (hands(of, (0.5, 0.5, True)), None),
        viewport={"width": 360, "height": 740}, device_scale_factor=2, is_mobile=True,
    )  # fmt: skip
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    box = page.locator("#overlay").bounding_box()
    assert (box["x"], box["width"]) == (0, 360)
    assert page.locator("[data-layer=trails]").bounding_box()["height"] >= 44
    assert pixel(page, 0.6, 0.5)[1] > 180


def test_a_page_that_is_hidden_asks_for_nothing(opened: Callable[..., Any], node: View) -> None:
    page = opened(lambda of: (None, None))
    hide = "hidden => {Object.defineProperty(document, 'hidden', {get: () => hidden, configurable: true});"
    page.evaluate(f"({hide}document.dispatchEvent(new Event('visibilitychange'))}})(true)")
    until(lambda: not node.stream.wanted, "a hidden page goes on asking")
    page.evaluate(f"({hide}document.dispatchEvent(new Event('visibilitychange'))}})(false)")
    before = drawn(page)
    until(lambda: drawn(page) > before + 3, "it does not come back to life")


def test_the_page_says_when_frames_stop_and_when_the_program_does(opened: Callable[..., Any], node: View) -> None:
    looked = []

    def scene(of: Frame) -> tuple[None, None]:
        looked.append(of.seq)
        if stop.wait(0):
            over.wait(30)
        return None, None

    stop, over = threading.Event(), threading.Event()
    page = opened(scene)
    stop.set()
    until(lambda: page.text_content("#state").startswith("no frame for"), "it does not say that frames stopped")
    until(lambda: page.is_visible("#nothing"), "an old picture stays as if it were live")
    node.web.close()
    until(lambda: page.text_content("#state").startswith("not connected"), "it does not say that the program stopped")
    over.set()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_demo_is_seen_with_its_hands_by_several_viewers(
    browser: Any, run: Callable[..., Run], tmp_path: Path
) -> None:
    graph = tmp_path / "view.yaml"
    graph.write_text(
        "nodes:\n"
        "  camera: {run: camera, with: {source: demo, size: [640, 360]}}\n"
        "  heatmap: {run: heatmap, in: {frame: camera, prior: tracker}}\n"
        "  tracker: {run: tracker, in: {heatmap: heatmap}}\n"
        "  view: {run: view, in: {frame: camera, heatmap: heatmap, hands: tracker}, with: {port: 0}}\n"
    )
    started = run("run", graph)
    until(lambda: any("the page is at" in line for line in started.err), "no page")
    (url,) = [line.split()[-1] for line in started.err if "the page is at" in line]
    pages = [browser.new_page() for _ in range(3)]
    for page in pages:
        page.goto(url)
        until(lambda p=page: p.text_content("#hands") in ("1", "2", "3"), "no hands are shown", 60)
    for page in pages:
        before = drawn(page)
        until(lambda p=page, n=before: drawn(p) > n + 20, "a viewer stands still", 60)
    started.kill("tracker")
    until(lambda: any("restart 1" in line for line in started.err), "the tracker is not restarted")
    before = drawn(pages[0])
    until(lambda: drawn(pages[0]) > before + 20, "the picture does not come back", 60)
    for page in pages:
        page.close()
    assert started.stop() == 0
