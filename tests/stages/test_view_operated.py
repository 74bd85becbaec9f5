"""The page as it is operated, in a real browser: overlays, settings, the table, the log; whether anybody can use it."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.browser import serious
from support.graphs import Run, until
from support.pages import ask
from support.supervised import GRAPH, Supervisor

from handflow import Flow, Frame, Gestures, Hands, Heatmap, Phase, State
from handflow.__main__ import main
from handflow.runtime.graph.parse import read
from handflow.stages.view import View
from handflow.web import cockpit, health


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    (tmp_path / "square.yaml").write_text(GRAPH)
    made = Supervisor(tmp_path / "square.yaml")
    monkeypatch.setattr(cockpit, "ask", made.ask)
    monkeypatch.setattr(health, "ask", made.ask)
    return made


@pytest.fixture
def node(supervisor: Supervisor) -> Iterator[View]:
    made = View(port=0)
    made.graph = supervisor.graph.plain()
    made.start()
    yield made
    made.stop()


def seen(node: View, seq: int) -> None:
    """A frame in which one hand moves and one is not seen, with both maps lit and the picture moving."""
    head = {"stream": 7_000, "seq": seq, "captured_ns": 7_000 + seq * 33_333_333}
    size = {"width": 640, "height": 360}
    frame = Frame(image=np.full((360, 640, 3), 90, np.uint8), **head)
    states = [State.TRACKED, State.PREDICTED]
    hands = Hands(
        id=[1, 2], state=states, xy=[(0.3 + 0.01 * (seq % 20), 0.5), (0.8, 0.4)], velocity=[(0.3, 0), (0, 0)],
        radius=[0.06, 0.05], score=[0.9, 0.5], open=[0.8, 0.1], is_open=[True, False], age=[1, 1], **size, **head,
    )  # fmt: skip
    values, opened = np.zeros((9, 16), np.float32), np.zeros((9, 16), np.float32)
    values[7, 12] = opened[2, 12] = 1
    heatmap = Heatmap(
        values=values, open=opened, radius=values, offset=np.zeros((9, 16, 2)), scale=[1 / 16, 1 / 9], shift=[0, 0],
        **size, **head,
    )  # fmt: skip
    flow = Flow(vectors=np.full((9, 16, 2), 0.02, np.float32), since_ns=7_000 + (seq - 1) * 33_333_333, **head)
    gestures = Gestures(
        name=["wave"], hand=[(1, -1)], phase=[Phase.PROGRESS], progress=[0.5], confidence=[0.9], xy=[(0.4, 0.5)], **head
    )
    node.process(hands, heatmap, frame, flow, gestures)


@pytest.fixture
def feed(node: View) -> Iterator[Callable[[], None]]:
    """Frames, until it is called."""
    over = threading.Event()

    def run() -> None:
        seq = 0
        while not over.wait(0.04):
            seen(node, seq := seq + 1)

    def end() -> None:
        over.set()
        thread.join()

    thread = threading.Thread(target=run)
    thread.start()
    yield end
    end()


@pytest.fixture
def page(browser: Any, node: View, feed: Callable[[], None]) -> Iterator[Any]:
    wrong: list[str] = []
    made = browser.new_page(viewport={"width": 1280, "height": 800})
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.goto(node.web.url)
    made.wait_for_selector('#state[data-state="live"]')
    made.wait_for_selector(".field", state="attached")
    yield made
    made.close()
    assert not wrong


LAYERS = ["image", "any", "open", "hands", "gestures", "radius", "ids", "openness", "trails", "velocity", "predicted"]


LAYERS += ["region", "surface", "zones", "flow"]


# By layer: whether a click changed what is drawn, and what the button says, and whether another click undid it.

SWITCH_ALL = """() => [...document.querySelectorAll("[data-layer]")].map((button) => {
    const drawn = () => ["image", "overlay"].map((id) => {
        const canvas = document.getElementById(id);
        const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return new Uint32Array(data.buffer).reduce((sum, pixel) => (Math.imul(sum, 31) + pixel) | 0, 0);
    }).join();
    const seen = [], pressed = [];
    for (let turn = 0; turn < 3; turn++, button.click()) {
        seen.push(drawn());
        pressed.push(button.getAttribute("aria-pressed"));
    }
    button.click();
    return [button.dataset.layer, seen[0] !== seen[1], pressed[0] !== pressed[1], seen[0] === seen[2]];
})"""


def test_every_overlay_switches_on_and_off(page: Any, feed: Callable[[], None]) -> None:
    until(lambda: page.evaluate("Number(document.documentElement.dataset.frame) > 5"), "no frames are drawn")
    feed()
    page.wait_for_timeout(300)
    assert page.evaluate(SWITCH_ALL) == [[layer, True, True, True] for layer in LAYERS]


def test_what_the_graph_does_not_have_is_not_offered(page: Any, supervisor: Supervisor) -> None:
    assert page.is_visible("[data-layer=flow]")
    assert page.is_visible("[data-layer=gestures]")
    del supervisor.stages["surface"]
    view = supervisor.stages["view"]
    view.edges = [edge for edge in view.edges if edge.argument not in ("flow", "gestures")]
    page.wait_for_selector("[data-layer=flow]", state="hidden")
    assert not page.is_visible("[data-layer=gestures]")
    assert page.is_visible("[data-layer=any]")
    assert not page.is_visible("[data-layer=zones]")


def turn(page: Any, setting: str, value: object, control: str = "input") -> None:
    page.eval_on_selector(
        f'[data-setting="{setting}"] {control}',
        """(control, value) => {
            control.value = value;
            for (const kind of ["input", "change"]) control.dispatchEvent(new Event(kind, {bubbles: true}));
        }""",
        str(value),
    )


def test_settings_are_turned_undone_and_saved(page: Any, supervisor: Supervisor) -> None:
    settings = supervisor.graph.nodes["tracker"].settings
    page.click("#tab-settings")
    turn(page, "tracker.start_score", 0.7, "input[type=range]")
    until(lambda: settings.get("start_score") == 0.7, "the slider sets nothing")
    until(lambda: "1 setting differs from the file" in page.text_content("#differing"), "the page does not say so")
    turn(page, "tracker.keep_s", 99, "input[type=number]")
    fault = page.locator('[data-setting="tracker.keep_s"] .fault')
    until(lambda: "keep_s: expected" in fault.text_content(), "what is wrong is not said")
    assert settings["keep_s"] == 0.3
    turn(page, "tracker.keep_s", 0.5, "input[type=number]")
    until(lambda: settings["keep_s"] == 0.5 and not fault.is_visible(), "it is not set")
    page.click("#undo")
    until(lambda: settings["keep_s"] == 0.3, "it is not undone")
    turn(page, "tracker.subpixel", "mean", "select")
    until(lambda: settings.get("subpixel") == "mean", "a choice sets nothing")
    until(lambda: page.is_enabled("#save"), "it cannot be saved")
    page.click("#save")
    until(lambda: page.text_content("#differing").startswith("saved into square.yaml"), "it is not saved")
    text = supervisor.graph.file.read_text()
    assert "keep_s: 0.3  # as we like it" in text
    assert read(supervisor.graph.file).nodes["tracker"].settings["start_score"] == 0.7
    assert "secret" not in page.content() + ask(page_of(page), "GET", "/graph.json")[1]
    assert "secret" in text


@pytest.mark.slow
def test_a_recorder_is_started_and_writes_its_last_seconds(page: Any, supervisor: Supervisor) -> None:
    button = page.get_by_role("button", name="Write the last 5 s")
    until(button.is_visible, "it is not offered")
    assert button.is_disabled()
    page.click("[data-record=record]")
    until(button.is_enabled, "it is not started")
    assert supervisor.graph.nodes["record"].settings["recording"] is True
    for answer, told in (
        ({"answer": "a-2.mcap"}, "written: a-2.mcap"),
        ({"error": "record: no room"}, "record: no room"),
    ):
        supervisor.snapshots.append(answer)
        button.click()
        until(lambda told=told: page.text_content("#recording [role=status]") == told, "it does not say what it did")


@pytest.mark.slow
def test_a_moment_is_kept_as_an_image_and_its_hands(page: Any) -> None:
    page.click("#moment")
    until(lambda: page.get_attribute("#kept-image", "href"), "there is no image")
    kept = {}
    for name in ("image", "hands"):
        with page.expect_download() as started:
            page.click(f"#kept-{name}")
        kept[name] = Path(started.value.path()).read_bytes()
    image = cv2.imdecode(np.frombuffer(kept["image"], np.uint8), cv2.IMREAD_COLOR)
    hands = json.loads(kept["hands"])
    assert image.shape[:2] == (hands["height"], hands["width"])
    assert [hand["id"] for hand in hands["hands"]] == [1, 2]
    page.click("#kept-close")
    assert not page.is_visible("#kept")


@pytest.mark.slow
def test_what_is_wrong_comes_first(page: Any, supervisor: Supervisor) -> None:
    assert not page.is_visible("#faults")
    supervisor.rows[0]["fault"] = "black: is the lens covered?"
    page.wait_for_selector("#faults", state="visible")
    assert page.text_content("#faults") == f"{supervisor.rows[0]['node']} black: is the lens covered?"
    assert page.locator("#live > :first-child").get_attribute("id") == "faults"


def page_of(page: Any) -> Any:
    class Server:
        port = int(page.url.rstrip("/").rpartition(":")[2])

    return Server


def test_nobody_else_s_page_sets_anything(node: View, supervisor: Supervisor) -> None:
    body = json.dumps({"node": "tracker", "key": "keep_s", "value": 1.0})
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        assert ask(node.web, "POST", "/set", body, Content_Type="application/json", **headers)[0] == 403
    assert ask(node.web, "POST", "/set", body, Content_Type="text/plain")[0] == 415
    assert supervisor.graph.nodes["tracker"].settings["keep_s"] == 0.3
    for path, wrong in (("/set", "{}"), ("/snapshot", "{}"), ("/log", "{}")):
        status, text, _ = ask(node.web, "POST", path, wrong, Content_Type="application/json")
        assert (status, "expected '" in json.loads(text)["error"]) == (400, True)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(390, 844), (1280, 800), (1920, 1080)])
def test_axe_finds_no_serious_fault(page: Any, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for tab in ("live", "settings", "table", "log"):
        if page.is_visible(f"#tab-{tab}"):
            page.click(f"#tab-{tab}")
            page.wait_for_timeout(300)
            assert serious(page) == [], tab
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    until(lambda: "hello" in page.text_content("#lines"), "no line of the log")
    page.click("#moment")
    assert serious(page) == []
    assert '"id":1' in page.text_content("#kept pre")
    page.click("#kept-close")


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_running_graph_is_watched_and_set(browser: Any, run: Callable[..., Run], tmp_path: Path, capsys: Any) -> None:
    graph = tmp_path / "view.yaml"
    graph.write_text(
        "nodes:\n"
        "  camera: {run: camera, with: {source: demo, size: [640, 360]}}\n"
        "  heatmap: {run: heatmap, in: {frame: camera, prior: tracker}}\n"
        "  tracker: {run: tracker, in: {heatmap: heatmap}}\n"
        f"  record: {{run: record, in: {{hands: tracker}}, with: {{file: {tmp_path}/a.mcap, recording: false}}}}\n"
        "  view: {run: view, in: {frame: camera, heatmap: heatmap, hands: tracker}, with: {port: 0}}\n"
    )
    started = run("run", graph)
    until(lambda: any("the page is at" in line for line in started.err), "no page")
    (url,) = [line.split()[-1] for line in started.err if "the page is at" in line]
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(url)
    until(lambda: page.text_content("#hands") in ("1", "2", "3"), "no hands are shown", 60)
    niceness = {name: process.nice() for name, process in started.children().items()}
    assert niceness["view"] == min(19, niceness["tracker"] + 5)

    def is_the_same() -> bool:
        main(["top", "--json", "--graph", str(graph)])
        rows = json.loads(capsys.readouterr().out)
        keys = ("node", "fps_in", "fps_out", "work_ms", "age_ms", "skipped", "cpu_percent", "rss_mb", "restarts")
        told = [
            [str(value) for key in keys for value in (row[key].values() if isinstance(row[key], dict) else [row[key]])]
            for row in rows
        ]
        shown = page.evaluate(
            "[...document.querySelectorAll('#table tbody tr')].map((row) => "
            "[...row.children].slice(0, -1).map((cell) => cell.dataset.value))"
        )
        return [[_number(v) for v in row] for row in shown] == [[_number(v) for v in row] for row in told]

    until(is_the_same, "the table is not that of top", 60)
    page.click("#tab-settings")
    turn(page, "tracker.weak_score", 1, "input[type=range]")
    turn(page, "tracker.keep_score", 1, "input[type=range]")
    until(lambda: page.text_content("#hands") == "0", "hands are shown that are below the threshold", 60)
    page.click("#undo")
    page.click("#undo")
    until(lambda: page.text_content("#hands") in ("1", "2", "3"), "no hands are shown again", 60)
    page.click("#tab-live")
    page.click("[data-record=record]")
    until(lambda: (tmp_path / "a.mcap").exists(), "nothing is recorded", 60)
    until(lambda: page.text_content("[data-record=record]") == "Stop", "the page does not say so", 60)
    page.click("[data-record=record]")
    until(lambda: any("MB in" in line for line in started.err), "it records on", 60)
    page.close()
    assert started.stop() == 0


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
