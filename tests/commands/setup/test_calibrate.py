"""The calibrate page: what it writes into graphs, and, in a real browser without a screen, what one draws on it."""

import json
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from ruamel.yaml import YAML
from support.graphs import Game, Run, until
from support.pages import ask
from support.recorded import write

from handflow import SetupError
from handflow.__main__ import main
from handflow.capture.images import read_image
from handflow.commands.setup import calibrate
from handflow.commands.setup.calibrate import opened, running, serve
from handflow.commands.setup.calibration_edits import CalibrationEdits, calibrated_nodes
from handflow.errors import GraphError
from handflow.outputs.page import pack
from handflow.runtime.graph.parse import read
from handflow.runtime.graph.resolve import explicit, resolve
from handflow.runtime.transport.rundir import RunDir

GRAPH = """\
# Above the door.
nodes:
  camera:  {run: camera, with: {source: demo, size: [640, 360]}}
  heatmap: {run: heatmap, in: {frame: camera, prior: tracker}}
  tracker: {run: tracker, in: {heatmap: heatmap}}
  view:    {run: view, in: {frame: camera, hands: tracker}}
  # the game
  osc:     {run: osc, in: tracker}
  other:   {run: osc, in: {hands: {from: tracker, keep: newest}}}
"""
CORNERS = [[0.25, 0.4], [0.75, 0.4], [0.95, 0.9], [0.05, 0.9]]
DOOR = {"name": "door", "polygon": [[0, 0], [0.2, 0], [0.2, 0.3]], "dwell_s": 1.5}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "floor.yaml"
    made.write_text(GRAPH)
    return made


def nodes(file: Path) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(file.read_text())["nodes"]


# What is written


def test_what_the_camera_shows_is_kept_as_its_reference(file: Path) -> None:
    edits = CalibrationEdits(file, file)
    edits.picture = np.full((180, 320, 3), 90, np.uint8)
    saved = edits.save({"surface": {"corners": CORNERS}})
    assert saved.changed["camera", "reference"] == nodes(file)["camera"]["with"]["reference"] == "floor.camera.png"
    assert (read_image(file.with_name("floor.camera.png")) == edits.picture).all()
    # Kept anew, and said anew to the graph that runs, though the setting stays what it was.
    edits.picture = edits.picture + np.uint8(1)
    saved = edits.save({"surface": {"mirror": True}})
    assert saved.changed["camera", "reference"] == "floor.camera.png"
    assert (read_image(file.with_name("floor.camera.png")) == 91).all()
    assert edits.save({"surface": {"mirror": True}}).changed == {}


def test_a_graph_without_a_surface_gets_one_between_its_tracker_and_who_reads_nothing_else(file: Path) -> None:
    saved = CalibrationEdits(file, file).save({"surface": {"corners": CORNERS, "zones": [DOOR]}})
    assert saved.rewired
    assert saved.line == f"saved in {file}; node 'surface' is new, behind tracker, before osc, other"
    got = nodes(file)
    assert list(got) == ["camera", "heatmap", "tracker", "surface", "view", "osc", "other"]
    assert got["surface"] == {"run": "surface", "in": "tracker", "with": {"corners": CORNERS, "zones": [DOOR]}}
    assert got["osc"]["in"] == "surface"
    assert got["other"]["in"] == {"hands": {"from": "surface", "keep": "newest"}}
    # What lies on the picture goes on reading the picture's places.
    assert got["heatmap"]["in"]["prior"] == got["view"]["in"]["hands"] == "tracker"
    text = file.read_text()
    assert [line for line in GRAPH.splitlines() if line not in text.splitlines()] == GRAPH.splitlines()[-2:]
    assert main(["check", str(file)]) == 0


def test_saving_again_changes_what_differs_and_nothing_else(file: Path) -> None:
    draft = CalibrationEdits(file, file)
    draft.save({"surface": {"corners": CORNERS}})
    before = file.read_text()
    drawn = draft.drawn()
    assert draft.save(drawn) == (f"{file}: nothing has changed", {}, False)
    assert file.read_text() == before
    drawn["surface"]["mirror"] = True
    assert draft.save(drawn) == (f"saved in {file}", {("surface", "mirror"): True}, False)
    assert file.read_text() == before.replace(
        "      corners: [[0.25, 0.4], [0.75, 0.4], [0.95, 0.9], [0.05, 0.9]]\n",
        "      corners: [[0.25, 0.4], [0.75, 0.4], [0.95, 0.9], [0.05, 0.9]]\n      mirror: true\n",
    )


def on_two_machines(file: Path) -> None:
    machines = "machines: {booth: {host: 127.0.0.1, port: 5600}, stage: {host: 127.0.0.1, port: 5700}}\n"
    text = re.sub(r"\{run: (?!camera)", "{on: stage, run: ", GRAPH).replace("{run: camera", "{on: booth, run: camera")
    file.write_text(machines + text)


def test_pictures_of_another_machine_are_not_waited_for(file: Path) -> None:
    on_two_machines(file)
    graph, directory = read(file), RunDir(file)
    graph.place_on("stage")
    explicit(graph, resolve(graph)).write_copy(directory.graph)
    with pytest.raises(SetupError, match="the pictures of 'camera' are seen on booth: calibrate there"):
        running(directory, None)


def test_a_new_surface_runs_where_the_tracker_does(file: Path) -> None:
    on_two_machines(file)
    CalibrationEdits(file, file).save({"surface": {"corners": CORNERS}})
    assert nodes(file)["surface"]["on"] == "stage"
    assert main(["check", str(file)]) == 0


def test_regions_are_the_trackers(file: Path) -> None:
    triangle = [[0.1, 0.1], [0.9, 0.1], [0.5, 0.9]]
    CalibrationEdits(file, file).save({"surface": {}, "tracker": {"region": triangle, "ignore": [triangle]}})
    got = nodes(file)
    assert got["tracker"]["with"] == {"region": triangle, "ignore": [triangle]}
    assert "surface" not in got


def test_what_was_edited_meanwhile_stays(file: Path) -> None:
    draft = CalibrationEdits(file, file)
    file.write_text(GRAPH.replace("source: demo", "source: 1"))
    draft.save({"surface": {"corners": CORNERS}})
    assert nodes(file)["camera"]["with"]["source"] == 1


def test_the_packaged_graph_is_copied_and_not_written(file: Path, tmp_path: Path) -> None:
    here = tmp_path / "pipeline.yaml"
    CalibrationEdits(file, here).save({"surface": {"corners": CORNERS}})
    assert file.read_text() == GRAPH
    assert nodes(here)["surface"]["with"]["corners"] == CORNERS


@pytest.mark.parametrize(
    ("drawn", "line"),
    [
        (
            {"surface": {"corners": [[0, 0], [1, 1], [1, 0], [0, 1]]}},
            "bottom left, in this order, got sides that cross",
        ),
        ({"surface": {"corners": [[0, 0], [1, 0], [1, 1]]}}, "corners: expected array of length 4, got"),
        ({"surface": {"zones": [DOOR, DOOR]}}, "zones: expected a different name for each, got 'door' twice"),
        ({"surface": {"run": "rm"}}, "no setting 'run'"),
        ({"tracker": {"region": [[0, 0], [1, 1], [0.5, 0.5]]}}, "region: expected an area, got points on a line"),
        ({"camera": {"source": "x"}}, "camera: expected settings of the surface or the tracker, got"),
        ({"surface": 7}, "surface: expected settings of the surface or the tracker, got 7"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_and_not_written(file: Path, drawn: dict, line: str) -> None:
    with pytest.raises(ValueError, match=line) as refused:
        CalibrationEdits(file, file).save(drawn)
    assert "\n" not in str(refused.value)
    assert file.read_text() == GRAPH


@pytest.mark.parametrize(
    ("graph", "which", "line"),
    [
        ("nodes:\n  camera: {run: demo}\n", None, "no node gives hands"),
        (GRAPH + "  second: {run: tracker, in: heatmap}\n", None, "tracker, second give hands"),
        (
            GRAPH + "  a: {run: surface, in: tracker}\n  b: {run: surface, in: tracker}\n",
            None,
            "has 2 surfaces: a, b; say which",
        ),
        (GRAPH + "  a: {run: surface, in: tracker}\n", "c", "--node c: no such surface; the graph has a"),
    ],
)
def test_a_graph_that_leaves_open_what_is_meant_is_refused(
    file: Path, graph: str, which: str | None, line: str
) -> None:
    file.write_text(graph)
    with pytest.raises(GraphError, match=line):
        CalibrationEdits(file, file, which)


def test_the_surface_that_is_meant_can_be_named(file: Path) -> None:
    file.write_text(GRAPH + "  a: {run: surface, in: tracker}\n  b: {run: surface, in: tracker}\n")
    CalibrationEdits(file, file, "b").save({"surface": {"corners": CORNERS}})
    got = nodes(file)
    assert got["b"]["with"]["corners"] == CORNERS
    assert "with" not in got["a"]


# Pictures


def test_a_stored_picture_is_seen_as_the_graphs_camera_would_show_it(file: Path, tmp_path: Path) -> None:
    image = np.zeros((360, 640, 3), np.uint8)
    image[:, :320] = 255
    cv2.imwrite(str(tmp_path / "still.png"), image)
    file.write_text(GRAPH.replace("source: demo", "mirror: true, source: demo"))
    stages = resolve(read(file))
    frames = [seen[0] for seen in opened(stages, "camera", str(tmp_path / "still.png")) if seen]
    assert len(frames) == 1
    assert (frames[0].image[0, 0, 0], frames[0].image[0, -1, 0]) == (0, 255)


def test_a_recording_is_seen_as_a_clip_is(file: Path, tmp_path: Path) -> None:
    stages = resolve(read(file))
    feed = opened(stages, "camera", str(write(tmp_path / "a.mcap", messages=3)))
    first = next(seen for seen in feed if seen)
    assert first[0].image.shape == (45, 80, 3)
    feed.close()


def test_a_node_between_camera_and_network_is_seen_through(file: Path, tmp_path: Path) -> None:
    (tmp_path / "negative.py").write_text(
        "from dataclasses import replace\nfrom handflow import Frame, Node\n\n\n"
        "class Negative(Node):\n    def process(self, frame: Frame) -> Frame:\n"
        "        return replace(frame, image=255 - frame.image)\n"
    )
    file.write_text(GRAPH.replace("frame: camera, prior", "frame: n, prior") + "  n: {run: negative.py, in: camera}\n")
    cv2.imwrite(str(tmp_path / "still.png"), np.full((36, 64, 3), 55, np.uint8))
    stages = resolve(read(file))
    where = calibrated_nodes(stages)
    assert where.frames == "n"
    (seen,) = [seen for seen in opened(stages, where.frames, str(tmp_path / "still.png")) if seen]
    assert (seen[0].image == 200).all()


# The page


class Shown:
    """The page of `file` with a picture, open in the browser."""

    def __init__(self, file: Path, image: np.ndarray) -> None:
        self.draft = CalibrationEdits(file, file)
        self.web, self.stream = serve(self.draft)
        self.image = cv2.imencode(".png", image)[1].tobytes()
        self.size = image.shape[1], image.shape[0]
        self.web.start()
        self.page: Any = None

    def open(self, browser: Any, **context: Any) -> Any:
        self.browser = browser
        self.page = browser.new_page(**({"viewport": {"width": 1400, "height": 760}} | context))
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.goto(self.web.url)
        until(lambda: self.stream.wanted, "the page does not look")
        self.see([])
        self.page.wait_for_selector("html[data-frame]")
        self.page.wait_for_selector(".handle")
        return self.page

    def see(self, hands: list[dict[str, Any]]) -> None:
        head = {"frame": 1, "width": self.size[0], "height": self.size[1], "state": "live", "hands": hands}
        self.stream.send(pack(head, self.image))

    def middle(self, selector: str) -> tuple[float, float]:
        box = self.page.locator(selector).bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def at(self, x: float, y: float, board: str = "#picture > canvas >> nth=0") -> tuple[float, float]:
        """The place of the screen where a place of the picture or the surface is."""
        box = self.page.locator(board).bounding_box()
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    def drag(self, selector: str, x: float, y: float, board: str = "#picture > canvas >> nth=0") -> None:
        """By mouse, from the middle of an element to a place of the picture or the surface."""
        to = self.at(x, y, board)
        self.page.mouse.move(*self.middle(selector))
        self.page.mouse.down()
        self.page.mouse.move(*to, steps=4)
        self.page.mouse.up()

    def save(self) -> str:
        self.page.wait_for_selector("#save:not(:disabled)")
        self.page.click("#save")
        until(lambda: (self.page.text_content("#said") or "").startswith("Saved"), "it is not saved")
        return self.page.text_content("#said")


@pytest.fixture
def shown(file: Path) -> Iterator[Callable[..., Shown]]:
    made: list[Shown] = []

    def show(image: np.ndarray | None = None) -> Shown:
        made.append(Shown(file, np.full((360, 640, 3), 90, np.uint8) if image is None else image))
        return made[-1]

    yield show
    for each in made:
        if each.page is not None:
            each.browser.leave(each.page)
            assert not each.wrong
        each.web.close()


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


def test_the_command_stops_by_an_interrupt_in_the_background_too(file: Path, tmp_path: Path) -> None:
    """A shell starts background jobs with SIGINT ignored."""
    cv2.imwrite(str(tmp_path / "still.png"), np.full((36, 64, 3), 90, np.uint8))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        started = Run("calibrate", str(file), "--image", str(tmp_path / "still.png"), "--port", "0")
    finally:
        signal.signal(signal.SIGINT, before)
    until(lambda: started.out, "no page")
    assert started.stop(signal.SIGINT) == 0


def test_pages_for_other_machines_must_be_meant(file: Path, capsys: pytest.CaptureFixture) -> None:
    assert main(["calibrate", str(file), "--address", "0.0.0.0"]) == 1
    assert "lets other machines in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (["--image", "nothing.png"], 1, "nothing.png: no such file or folder"),
        (["--node", "a"], 2, "--node a: no such surface; the graph has none"),
        (["--port", "70000"], 2, "expected a whole number from 0 to 65535, got '70000'"),
    ],
)
def test_what_cannot_be_opened_is_one_line(
    file: Path, arguments: list[str], status: int, line: str, capsys: pytest.CaptureFixture
) -> None:
    with pytest.raises(SystemExit) as ended:
        sys.exit(main(["calibrate", str(file), *arguments]))
    assert ended.value.code == status
    told = capsys.readouterr()
    assert line in told.err.splitlines()[-1]
    assert not told.out


def test_a_port_that_is_taken_is_one_line_before_a_camera_is_opened(
    file: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibrate, "opened", lambda *_: pytest.fail("the camera is opened"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["calibrate", str(file), "--port", str(port)]) == 1
    line = f"cannot listen on 127.0.0.1:{port}: Address already in use; choose another port or address\n"
    assert capsys.readouterr() == ("", line)


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
