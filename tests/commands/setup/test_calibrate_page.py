"""The calibrate page, in a real browser without a screen: what one draws on it, and what it saves."""

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.calibrating import CORNERS, GRAPH, Shown, nodes
from support.graphs import Game, Run, until
from support.pages import ask

from handflow.commands.setup.calibration_edits import CalibrationEdits


def test_corners_are_dragged_seen_unrolled_and_saved(shown: Callable[..., Shown], browser: Any, file: Path) -> None:
    """The picture has a bright quadrangle: with the corners on it, the surface is bright all over."""
    image = np.full((360, 640, 3), 30, np.uint8)
    cv2.fillConvexPoly(image, (np.array(CORNERS) * [640, 360]).astype(int), (40, 200, 255))
    it = shown(image)
    page = it.open(browser)
    assert "saving puts one behind its tracker" in page.text_content("#said")
    for number, (x, y) in enumerate(CORNERS):
        it.drag(f'[data-key="corners.0.{number}"] .dot', x, y)
    box = page.locator("#surface .cut").bounding_box()
    page.evaluate("document.querySelector('#surface svg').style.visibility = 'hidden'")
    seen = cv2.imdecode(np.frombuffer(page.screenshot(clip=box), np.uint8), cv2.IMREAD_COLOR)
    inner = seen[8:-8, 8:-8].reshape(-1, 3)
    assert (np.abs(inner.astype(int) - (40, 200, 255)) < 12).all(axis=1).mean() > 0.99
    it.save()
    np.testing.assert_allclose(nodes(file)["surface"]["with"]["corners"], CORNERS, atol=0.004)
    assert nodes(file)["osc"]["in"] == "surface"
    assert page.is_disabled("#save")


def test_arrow_keys_move_a_corner_by_pixels_and_undo_takes_them_back(
    shown: Callable[..., Shown], browser: Any, file: Path
) -> None:
    it = shown()
    page = it.open(browser)
    page.locator('[data-key="corners.0.2"]').focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowUp")
    label = page.get_attribute('[data-key="corners.0.2"]', "aria-label")
    assert label == f"bottom right: {round(1000 * (1 - 3 / 640)) / 10:g} %, {round(1000 * (1 - 10 / 360)) / 10:g} %"
    it.save()
    np.testing.assert_allclose(nodes(file)["surface"]["with"]["corners"][2], [1 - 3 / 640, 1 - 10 / 360], atol=1e-4)
    page.keyboard.press("Control+z")
    assert page.get_attribute('[data-key="corners.0.2"]', "aria-label") == "bottom right: 100 %, 100 %"


def test_crossed_corners_are_said_to_be_wrong_and_cannot_be_saved(shown: Callable[..., Shown], browser: Any) -> None:
    it = shown()
    page = it.open(browser)
    it.drag('[data-key="corners.0.0"] .dot', 0.9, 0.5)
    it.drag('[data-key="corners.0.1"] .dot', 0.1, 0.45)
    until(lambda: "got sides that cross" in page.text_content("#error"), "nothing is said")
    assert page.is_disabled("#save")
    page.click("#whole")
    until(lambda: page.is_hidden("#error"), "it stays wrong")


def test_a_zone_is_drawn_named_and_given_another_point(shown: Callable[..., Shown], browser: Any, file: Path) -> None:
    it = shown()
    page = it.open(browser)
    page.click("[data-tool=zones]")
    page.click("[data-add=zones]")
    for x, y in ((0.1, 0.1), (0.6, 0.1), (0.6, 0.5), (0.1, 0.5), (0.1, 0.1)):
        page.mouse.click(*it.at(x, y, "#surface .cut"))
    page.fill("#zones input[name=name]", "left: far")
    page.fill("#zones input[name=dwell_s]", "2.5")
    it.drag('[data-key="zones.0.0+"] .dot', 0.35, 0.02, "#surface .cut")
    page.locator('[data-key="zones.0.3"]').focus()
    page.keyboard.press("Delete")
    it.save()
    (zone,) = nodes(file)["surface"]["with"]["zones"]
    assert (zone["name"], zone["dwell_s"]) == ("left: far", 2.5)
    np.testing.assert_allclose(zone["polygon"], [(0.1, 0.1), (0.35, 0.02), (0.6, 0.1), (0.1, 0.5)], atol=0.01)


def test_regions_are_drawn_with_a_finger(shown: Callable[..., Shown], browser: Any, file: Path) -> None:
    it = shown()
    page = it.open(browser, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.tap("[data-tool=ignore]")
    page.tap("[data-add=ignore]")
    page.evaluate("scrollTo(0, 0)")
    for x, y in ((0.2, 0.2), (0.6, 0.2), (0.6, 0.7)):
        page.touchscreen.tap(*it.at(x, y))
    page.tap("#end")
    page.evaluate("scrollTo(0, 0)")
    touch = page.context.new_cdp_session(page)
    for kind, places_ in (
        ("touchStart", [it.middle('[data-key="ignore.0.1"] .dot')]),
        ("touchMove", [it.at(0.8, 0.3)]),
        ("touchEnd", []),
    ):
        points = [{"x": x, "y": y} for x, y in places_]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    it.save()
    (part,) = nodes(file)["tracker"]["with"]["ignore"]
    np.testing.assert_allclose(part, [(0.2, 0.2), (0.8, 0.3), (0.6, 0.7)], atol=0.02)


def test_hands_are_shown_where_they_are_on_the_surface(shown: Callable[..., Shown], browser: Any, file: Path) -> None:
    CalibrationEdits(file, file).save({"surface": {"corners": CORNERS, "mirror": True}})
    it = shown()
    page = it.open(browser)
    it.see([{"id": 1, "x": 0.25, "y": 0.4, "radius": 0.05}, {"id": 2, "x": 0.05, "y": 0.1, "radius": 0.05}])
    page.wait_for_selector("#picture .hand")
    assert page.locator("#picture .hand").count() == 2
    assert page.locator("#surface .hand").count() == 1  # the other one is beside it
    assert it.middle("#surface .hand") == pytest.approx(it.at(1, 0, "#surface .cut"), abs=2)


def test_zones_lie_over_the_picture_however_it_is_warped(shown: Callable[..., Shown], browser: Any, file: Path) -> None:
    """A floor up to near its horizon, with most of the picture beyond."""
    steep = [[0.45, 0.6], [0.55, 0.6], [1, 0.95], [0, 0.95]]
    square = {"name": "middle", "polygon": [[0.3, 0.3], [0.7, 0.3], [0.7, 0.7], [0.3, 0.7]]}
    CalibrationEdits(file, file).save({"surface": {"corners": steep, "zones": [square]}})
    it = shown(np.full((360, 640, 3), 250, np.uint8))
    page = it.open(browser)
    page.click("[data-tool=zones]")
    x, y = it.at(0.3, 0.3, "#surface .cut")
    clip = {"x": x - 3, "y": y - 3, "width": 6, "height": 6}
    inner = cv2.imdecode(np.frombuffer(page.screenshot(clip=clip), np.uint8), cv2.IMREAD_COLOR)
    assert inner.mean() < 60  # the dark middle of the point's handle


def test_strangers_may_not_save(shown: Callable[..., Shown], file: Path) -> None:
    it = shown()
    body = json.dumps({"surface": {"corners": CORNERS}})
    strangers = ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Content_Type": "text/plain"})
    for headers in strangers:
        status, _, _ = ask(it.web, "POST", "/save", body, **({"Content_Type": "application/json"} | headers))
        assert status in (403, 415)
    assert file.read_text() == GRAPH
    assert ask(it.web, "POST", "/save", body, Content_Type="application/json")[0] == 200


def test_the_page_needs_nothing_from_elsewhere(shown: Callable[..., Shown]) -> None:
    for path in ("/", "/calibrate.js", "/geometry.js", "/calibrate.css", "/icon.svg"):
        status, text, _ = ask(shown().web, "GET", path)
        assert status == 200
        assert "//" not in text.replace("http://www.w3.org/2000/svg", "").replace("//${location.host}", "").replace(
            "// ", ""
        )


def test_the_command_shows_a_stored_picture_and_stops_cleanly(
    run: Callable[..., Run], browser: Any, file: Path, tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "still.jpg"), np.full((360, 640, 3), 90, np.uint8))
    started = run("calibrate", file, "--image", tmp_path / "still.jpg", "--port", "0")
    until(lambda: started.out, "no page")
    page = browser.new_page()
    page.goto(started.out[0].split()[-1])
    page.wait_for_selector("html[data-frame]", timeout=30_000)
    until(lambda: page.text_content("#state") == "stored picture", "it does not say what is seen")
    browser.leave(page)
    assert started.stop(signal.SIGTERM) == 0
    assert not started.err


@pytest.mark.slow
def test_a_running_graph_is_seen_and_calibrated_while_it_runs(
    run: Callable[..., Run], game: Game, browser: Any, file: Path
) -> None:
    """The surface's right half becomes a zone; hands stay who they are."""
    text = GRAPH.replace(
        "  view:    {run: view, in: {frame: camera, hands: tracker}}\n", "  s: {run: surface, in: tracker}\n"
    )
    file.write_text(text.replace("osc, in: tracker", "osc, in: s"))
    targets = json.dumps([{"protocol": "hands", "port": game.port}])
    graph = run(
        "run", file, "--set", f"osc.targets={targets}", "--set", "other.targets=[{protocol: hands, port: 9999}]"
    )
    until(lambda: game.ids(), "no hands arrive", 60)
    started = run("calibrate", file, "--port", "0")
    until(lambda: started.out, "no page")
    page = browser.new_page()
    page.goto(started.out[0].split()[-1])
    page.wait_for_selector("#picture .hand", timeout=60_000)
    until(lambda: page.text_content("#state") == "live", "it does not say that it is live")
    page.click("[data-tool=zones]")
    page.click("[data-add=zones]")
    box = page.locator("#surface .cut").bounding_box()
    for x, y in ((0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99)):
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.click("#end")
    page.wait_for_selector("#save:not(:disabled)")
    before = len(game.heard)
    page.click("#save")
    until(lambda: "used from now on" in page.text_content("#said"), "it is not used")
    until(lambda: any(h.address == "/hands/zone" for h in game.heard[before:]), "no hand is in the zone")
    zone = next(h for h in game.heard[before:] if h.address == "/hands/zone")
    assert zone.values[2:] == ["zone 1", 1]
    assert nodes(file)["s"]["with"]["zones"][0]["name"] == "zone 1"
    page.close()
    assert started.stop() == 0
    assert graph.stop() == 0
