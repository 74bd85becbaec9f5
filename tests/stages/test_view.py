"""The view stage: what a viewer is sent, when it rests, and where its page is."""

import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from support.graphs import Run, until
from support.pages import Page, ask
from support.viewing import Feed, frame, hands, heatmap, running_view

from handflow import Hop, SetupError, State, now_ns
from handflow.__main__ import main
from handflow.outputs.page import RateMeter
from handflow.stages import view
from handflow.stages.view import View


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> Iterator[View]:
    yield from running_view(monkeypatch)


def unpacked(message: bytes) -> tuple[dict[str, Any], list[bytes]]:
    (length,) = struct.unpack_from("<I", message)
    head = json.loads(message[4 : 4 + length])
    bodies, at = [], 4 + length
    for size in head["bytes"]:
        bodies.append(message[at : at + size])
        at += size
    assert at == len(message)
    return head, bodies


def shown(node: View, *inputs: Any) -> tuple[dict[str, Any], list[bytes]]:
    """What a viewer is sent for hands, heatmap and frame."""
    page = Page(node.web)
    until(lambda: node.stream.wanted, "the viewer does not come")
    node.process(*inputs)
    until(lambda: page.got, "nothing is sent")
    page.go()
    return unpacked(page.got[0])


def test_a_viewer_is_sent_the_hands_the_maps_and_the_picture_of_one_frame(node: View) -> None:
    picture = frame(18)
    head, (maps, _, jpeg) = shown(
        node, hands(picture, (0.25, 0.5, True), (0.75, 0.5, False)), heatmap(picture, 4, 3), picture
    )
    assert (head["frame"], head["width"], head["height"], head["t"]) == (17, 640, 360, 0.6)
    assert [(h["id"], h["x"], h["is_open"]) for h in head["hands"]] == [(1, 0.25, True), (2, 0.75, False)]
    assert head["age_ms"] == 9.0
    assert head["stages"][:2] == [["camera", 0.0, 2.0], ["tracker", 6.0, 9.0]]
    name, received, sent = head["stages"][2]
    assert name == node.log.name
    assert received < sent
    assert head["map"] == {"shape": [9, 16], "scale": [1 / 16, 1 / 9], "shift": [0, 0], "windows": []}
    any_hand = np.frombuffer(maps, np.uint8).reshape(2, 9, 16)[0]
    assert np.argwhere(any_hand).tolist() == [[4, 3]]
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_allclose(image, picture.image, atol=2)


def test_a_picture_alone_is_shown_too(node: View) -> None:
    head, (maps, flow, jpeg) = shown(node, None, None, frame())
    assert (head["hands"], head["map"], head["flow"], maps, flow) == ([], None, None, b"", b"")
    assert jpeg.startswith(b"\xff\xd8")


def test_big_pictures_are_sent_smaller_with_their_aspect_kept(node: View) -> None:
    _, (_, _, jpeg) = shown(node, None, None, frame(size=(1600, 1200)))
    assert cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).shape == (540, 720, 3)


def test_leaving_hands_are_not_shown_and_predicted_ones_say_so(node: View) -> None:
    picture = frame()
    states = [State.LEAVING, State.PREDICTED]
    head, _ = shown(node, hands(picture, (0.2, 0.5, True), (0.4, 0.5, False), state=states), None, picture)
    (hand,) = head["hands"]
    assert (hand["id"], hand["predicted"], hand["is_open"]) == (2, True, False)


def test_nothing_is_encoded_while_nobody_looks(node: View, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded = []
    monkeypatch.setattr(view, "page_jpeg", lambda *_: encoded.append(1) or b"")
    node.process(None, None, frame(1))
    page = Page(node.web, quick=False)
    until(lambda: node.stream.wanted, "the viewer does not come")
    assert not encoded
    for seq in range(2, 12):
        node.process(None, None, frame(seq))
        time.sleep(0.02)
    assert len(encoded) <= 3  # it has not drawn the first two: it is not ready for more
    page.go()
    until(lambda: not node.stream.viewers, "the viewer does not go")
    del encoded[:]
    node.process(None, None, frame(12))
    assert not encoded


def test_the_rate_and_the_age_are_those_of_the_last_second() -> None:
    meter = RateMeter()
    for number in range(60):
        picture = frame(number)
        age_ms = 50 if number < 30 else 8
        picture.hops = [Hop("camera", picture.captured_ns, picture.captured_ns + age_ms * 1_000_000)]
        meter.count(picture, number / 20)
    assert meter.fps == pytest.approx(20)
    assert meter.age_ms == 8


@pytest.mark.parametrize(("origin", "good"), [("*", True), ("null", True), ("http://localhost:5173", True),
    ("game.example", False), ("https://game.example/", False), ("", False)])  # fmt: skip
def test_sites_are_named_as_browsers_name_them(origin: str, good: bool) -> None:
    if good:
        View(cors=(origin,))
    else:
        with pytest.raises(SetupError, match=r"cors: expected https://HOST"):
            View(cors=(origin,))


def test_check_refuses_a_view_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph = tmp_path / "g.yaml"
    graph.write_text("nodes:\n  tracker: {run: demo}\n  view: {run: view}\n")
    assert main(["check", str(graph)]) == 2
    assert (
        "view: expected at least one input of hands, heatmap, frame, flow, gestures, got none"
        in capsys.readouterr().err
    )


def test_it_rests_while_nobody_looks_and_wakes_for_whoever_comes(node: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "REST_S", 0.0)
    assert not node.resting()  # those that feed it still wait for it
    node.process(None, None, frame(1))
    assert node.resting()
    page = Page(node.web, "/hands")
    until(lambda: not node.resting(), "it does not wake")
    page.go()
    until(node.resting, "it does not rest again")


def test_who_asks_for_one_thing_wakes_it_too(node: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "REST_S", 0.0)
    for path, kind in (("/hands.json", "application/json"), ("/frame.jpg", "image/jpeg")):
        feed = Feed(node, lambda of: (hands(of, (0.3, 0.5, True)), None))
        status, body, headers = ask(node.web, "GET", path)
        feed.end()
        assert (status, headers["Content-Type"].partition(";")[0]) == (200, kind), body
    until(node.resting, "it does not rest again")


def test_hands_of_before_a_rest_are_no_news(node: View, monkeypatch: pytest.MonkeyPatch) -> None:
    node.process(hands(frame(1), (0.3, 0.5, True)), None, frame(1))
    monkeypatch.setattr(view, "REST_S", 0.0)
    assert node.resting()
    page = Page(node.web, "/hands")
    until(lambda: node.line_feed.viewers, "the reader does not come")
    monkeypatch.setattr(node.lines, "received_s", -1e6)
    node.idle()
    node.process(hands(frame(9)), None, frame(9))
    until(lambda: page.got, "nothing comes")
    page.go()
    assert [json.loads(line)["frame"] for line in page.got] == [8]


def test_a_viewer_that_is_behind_makes_no_picture_and_loses_no_line(
    node: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    monkeypatch.setattr(view, "LATE_S", 3600.0)  # the first frame, of the beginning of time, is later still
    monkeypatch.setattr(view, "page_jpeg", lambda *_: encoded.append(1) or b"jpeg")
    reader, page = Page(node.web, "/hands"), Page(node.web)
    until(lambda: node.line_feed.viewers and node.stream.wanted, "the viewers do not come")
    node.process(hands(frame(1)), None, frame(1))
    assert not encoded
    now = now_ns()
    node.process(hands(frame(2), hops=[Hop("tracker", now, now)]), None, frame(2))
    assert encoded
    node.process(hands(frame(3)), None, None)  # its picture was overwritten
    until(lambda: len(reader.got) == 3, "lines are lost")
    reader.go()
    page.go()


def test_a_taken_port_is_passed_over_with_a_line(node: View, caplog: pytest.LogCaptureFixture) -> None:
    second = View(port=node.web.port)
    expected = f"the page is at http://127.0.0.1:{node.web.port + 1}/"
    with caplog.at_level("INFO"):
        second.start()
    try:
        assert node.web.port < second.web.port <= node.web.port + view.OTHER_PORTS
        if second.web.port == node.web.port + 1:
            assert f"port {node.web.port} is taken; {expected}" in caplog.text
    finally:
        second.stop()


def test_the_page_is_served_from_the_package_alone(node: View) -> None:
    for path, kind in (
        ("/", "html"),
        ("/view.js", "javascript"),
        ("/settings.js", "javascript"),
        ("/geometry.js", "javascript"),
        ("/view.css", "css"),
        ("/panels.css", "css"),
        ("/page.css", "css"),
        ("/icon.svg", "svg"),
    ):
        status, text, headers = ask(node.web, "GET", path)
        assert status == 200
        assert kind in headers["Content-Type"]
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "https://" not in text


HANDS = """from handflow import Frame, Hands, Node
import numpy as np


class Nobody(Node):
    def process(self, frame: Frame) -> Hands:
        none = np.empty(0)
        return Hands(id=none, state=none, xy=np.empty((0, 2)), velocity=np.empty((0, 2)), radius=none, score=none,
                     open=none, is_open=none, age=none, width=640, height=360)
"""


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_reader_of_a_running_graph_gets_every_frame_s_line_and_two_graphs_are_one_list(
    run: Callable[..., Run], tmp_path: Path
) -> None:
    (tmp_path / "nobody.py").write_text(HANDS)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(
            "nodes:\n  camera: {run: demo, with: {size: [640, 360]}}\n  tracker: {run: nobody.py, in: camera}\n"
            f"  view: {{run: view, in: {{frame: camera, hands: tracker}}, with: {{port: {port}}}}}\n"
        )
    first = run("run", tmp_path / "a.yaml")
    until(lambda: first.err, "it says nothing", 60)
    assert first.err[0].strip() == f"the page is at http://127.0.0.1:{port}/"
    web: Any = SimpleNamespace(port=port, url=f"http://127.0.0.1:{port}/")
    until(lambda: any("view 0.0 fps" in line for line in first.out), "it does not rest", 60)
    reader = Page(web, "/hands")
    until(lambda: len(reader.got) >= 150, "too few lines come", 60)
    reader.go()
    frames = [json.loads(line)["frame"] for line in reader.got]
    assert frames == list(range(frames[0], frames[0] + len(frames)))
    run("run", tmp_path / "b.yaml")

    def ports() -> dict[str, list[int]]:
        graphs = json.loads(ask(web, "GET", "/graphs.json")[1])["graphs"]
        return {Path(graph["file"]).name: graph["ports"] for graph in graphs}

    until(lambda: len(ports().get("b.yaml", [])) == 1, "the second graph is not listed", 60)
    assert ports()["a.yaml"] == [port]
    assert port < ports()["b.yaml"][0] <= port + view.OTHER_PORTS
