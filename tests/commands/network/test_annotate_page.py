"""The annotate page in a real browser without a screen: what one draws on it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.annotating import FRAMES, begun, lines
from support.graphs import until
from support.moving import SIZE, box, place, scene

from handflow.commands.network.annotate import serve
from handflow.training.annotation.key_frames import FrameLabels
from handflow.training.annotation.session import Session
from handflow.training.labels.data import read_labels
from handflow.training.labels.line import HandLabel


class Shown:
    """The page of some clips, open in the browser."""

    def __init__(self, browser: Any, session: Session) -> None:
        self.session, self.browser = session, browser
        self.web = serve(session)
        self.web.start()
        self.page = browser.new_page(viewport={"width": 1400, "height": 800})
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", lambda said: said.type == "error" and self.wrong.append(said.text))
        self.page.goto(self.web.url)
        self.at_frame(0)

    def at_frame(self, frame: int) -> None:
        self.page.wait_for_selector(f'html[data-frame="{frame}"]')

    def on(self, x: float, y: float) -> tuple[float, float]:
        """The place of the screen where a pixel of the picture is."""
        there = self.page.locator("#picture canvas").bounding_box()
        return there["x"] + x * there["width"] / SIZE[0], there["y"] + y * there["height"] / SIZE[1]

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.page.mouse.move(*self.on(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.on(*end), steps=4)
        self.page.mouse.up()

    def saved(self) -> list[dict[str, Any]]:
        return lines(self.session.items[0].label_file.file)

    def close(self) -> None:
        self.browser.leave(self.page)
        self.web.close()
        assert not self.wrong


@pytest.fixture
def shown(browser: Any, rendered: Path, folder: Path) -> Iterator[Callable[..., Shown]]:
    made: list[Shown] = []

    def show(**changed: Any) -> Shown:
        session = begun([str(rendered)], folder)
        for name, value in changed.items():
            setattr(session, name, value)
        made.append(Shown(browser, session))
        return made[-1]

    yield show
    for each in made:
        each.close()


def test_a_box_is_drawn_carried_along_corrected_and_saved(shown: Callable[..., Shown], folder: Path) -> None:
    it = shown()
    x, y, w, h = box(*place(0))
    it.drag((x, y), (x + w, y + h))
    until(lambda: it.saved()[0]["exact"], "the box is not saved")
    for frame in range(1, 5):
        it.page.keyboard.press("ArrowRight")
        it.at_frame(frame)
    until(lambda: it.saved()[4]["labelled"], "the carried box is not saved")
    drawn = it.page.locator(".hand .box").bounding_box()
    middle = drawn["x"] + drawn["width"] / 2, drawn["y"] + drawn["height"] / 2
    np.testing.assert_allclose(middle, it.on(*place(4)), atol=3)
    it.page.keyboard.press("2")  # no box is chosen: of the next one
    x, y = place(4)
    it.drag((x, y), (x + 20, y))  # takes hold of it
    it.page.keyboard.press("4")
    until(lambda: it.saved()[4]["hands"][0]["kind"] == "ignore", "the kind is not saved")
    written = it.saved()
    assert [line["exact"] for line in written[:6]] == [True, False, False, False, True, False]
    assert [line["labelled"] for line in written[:6]] == [True] * 5 + [False]
    np.testing.assert_allclose(written[0]["hands"][0]["box"], box(*place(0)), atol=1.5)
    got = written[4]["hands"][0]
    assert got["labelled_by"] == "eye"
    np.testing.assert_allclose(got["box"][0] + got["box"][2] / 2, x + 20, atol=2)
    between = written[2]["hands"][0]["box"]  # half of the correction has come here
    np.testing.assert_allclose(between[0] + between[2] / 2, place(2)[0] + 10, atol=2)
    assert [picture.frame for picture in read_labels([folder])] == [0, 1, 2, 3, 4]


def test_corners_resize_delete_removes_and_undo_brings_back(shown: Callable[..., Shown]) -> None:
    it = shown()
    it.drag((100, 100), (200, 160))
    it.page.wait_for_selector(".corner")
    it.drag((200, 160), (260, 220))
    until(lambda: np.allclose(it.saved()[0]["hands"][0]["box"], [100, 100, 160, 120], atol=1), "not resized")
    it.drag((100, 220), (60, 200))  # its other corners stay
    until(lambda: np.allclose(it.saved()[0]["hands"][0]["box"], [60, 100, 200, 100], atol=2), "not resized")
    it.page.keyboard.press("Control+ArrowDown")
    until(lambda: it.saved()[0]["hands"][0]["box"][1] == pytest.approx(101, abs=1), "not moved")
    it.page.keyboard.press("Delete")
    until(lambda: it.saved()[0]["hands"] == [], "not deleted")
    it.page.keyboard.press("Control+z")
    until(lambda: len(it.saved()[0]["hands"]) == 1, "not brought back")
    for _ in range(4):
        it.page.keyboard.press("Control+z")
    until(lambda: it.page.locator(".hand").count() == 0, "not taken back")
    until(lambda: not lines(it.session.items[0].label_file.file)[0]["labelled"], "still a label")


def test_what_the_model_finds_is_dashed_until_it_is_taken(shown: Callable[..., Shown]) -> None:
    def find(_: np.ndarray) -> list[dict[str, Any]]:
        return [
            {"box": box(300, 180), "kind": "other", "score": 0.8},
            {"box": box(100, 80), "kind": "open", "score": 0.5},
        ]

    it = shown(find=find)
    it.page.wait_for_selector(".found")
    assert it.page.locator(".found").count() == 2
    it.page.mouse.click(*it.on(300, 180))
    until(lambda: len(it.saved()[0]["hands"]) == 1, "not taken")
    assert it.saved()[0]["hands"][0] == {"box": box(300, 180), "kind": "other", "labelled_by": "model", "id": 1}
    assert it.page.locator(".found").count() == 1
    it.page.keyboard.press("a")
    until(lambda: len(it.saved()[0]["hands"]) == 2, "not taken")
    assert it.page.locator(".found").count() == 0


def test_a_lost_hand_stays_lost_while_others_are_put_right_and_is_found_again_by_the_model(
    shown: Callable[..., Shown],
) -> None:
    it = shown(find=lambda _: [{"box": box(330, 200), "kind": "other", "score": 0.8}])
    item = it.session.items[0]
    lost = HandLabel(box(300, 180), "open", id=1, labelled_by="flow", lost=True)
    item.key_frames.frames[1] = FrameLabels([lost])
    it.page.keyboard.press("ArrowRight")
    it.page.wait_for_selector(".hand.lost")
    it.drag((20, 20), (60, 70))
    until(lambda: len(it.saved()[1]["hands"]) == 2, "not saved")
    line = it.saved()[1]
    assert (line["hands"][0], line["exact"], line["labelled"]) == (lost.json(), True, False)
    assert begun([str(item.clip.path)], it.session.folder).items[0].key_frames.frames[1].hands[0] == lost
    it.page.keyboard.press("a")
    until(lambda: it.saved()[1]["labelled"], "not found again")
    assert it.saved()[1]["hands"][0] == {"box": box(330, 200), "kind": "open", "labelled_by": "model", "id": 1}
    assert len(it.saved()[1]["hands"]) == 2


def test_a_frame_without_hands_is_confirmed_played_on_from_and_left_at_any_place(shown: Callable[..., Shown]) -> None:
    it = shown()
    it.page.keyboard.press("Enter")
    until(lambda: it.saved()[0]["exact"], "not confirmed")
    it.page.keyboard.press("Space")
    it.at_frame(FRAMES - 1)
    until(lambda: all(line["labelled"] for line in it.saved()), "what was played is not saved")
    there = it.page.locator("#line").bounding_box()
    it.page.mouse.click(there["x"] + there["width"] * 7.5 / FRAMES, there["y"] + 10)
    it.at_frame(7)
    it.page.reload()
    it.at_frame(7)
    assert it.page.text_content("#state") == "carried"


def test_a_picture_that_cannot_be_read_is_said_and_passed_over(browser: Any, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "square").mkdir()
    for n in range(3):
        cv2.imwrite(str(tmp_path / "square" / f"{n}.png"), scene(*place(n)))
    (tmp_path / "square" / "1.png").write_text("no picture")
    it = Shown(browser, begun([str(tmp_path / "square")], folder))
    it.page.keyboard.press("ArrowRight")
    until(lambda: "1.png: expected a picture" in it.page.text_content("#said"), "nothing is said")
    it.page.keyboard.press("ArrowRight")
    it.at_frame(2)
    until(lambda: it.page.is_hidden("#said"), "it is still said")
    it.wrong = [line for line in it.wrong if "400" not in line]  # the browser's own words for it
    it.close()
