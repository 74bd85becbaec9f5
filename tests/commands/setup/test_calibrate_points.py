"""Points of a floor's plan on the calibrate page, in a real browser: placed, measured, moved, removed and saved."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.browser import serious
from support.calibrating import CORNERS, Shown, nodes
from support.graphs import until

from handflow.__main__ import main
from handflow.commands.setup.calibration_edits import CalibrationEdits
from handflow.vision.homography import homography, warp

SIZE = [12.0, 8.0]
PLAN = [(1, 1), (7, 1), (7, 6), (1, 6), (4, 3), (2, 4.5)]


def marks(plan: list[tuple[float, float]] = PLAN) -> list[dict[str, Any]]:
    """Places of a floor whose corners the picture shows at CORNERS."""
    shown = warp(np.linalg.inv(homography(CORNERS)), np.array(plan) / SIZE).round(5)  # type: ignore[arg-type]
    return [{"picture": p, "floor": list(f)} for p, f in zip(shown.tolist(), plan, strict=True)]


def told(page: Any) -> list[str]:
    return [text or "" for text in page.locator("#plan output").all_text_contents()]


@pytest.mark.slow
def test_points_are_tapped_measured_and_saved(shown: Callable[..., Shown], browser: Any, file: Path) -> None:
    it = shown()
    page = it.open(browser)
    page.click("[data-tool=points]")
    page.mouse.click(*it.at(0.5, 0.5))
    assert page.is_visible("#sized")  # its floor's size comes first
    assert page.evaluate("document.activeElement.id") == "width"
    page.keyboard.type("12")
    page.fill("#height", "8")
    page.keyboard.press("Tab")
    for number, point in enumerate(marks()):
        page.mouse.click(*it.at(*point["picture"]))
        for side, metres in zip(("across", "down"), point["floor"], strict=True):
            page.get_by_label(f"point {number + 1}: metres {side}").fill(str(metres))
    until(lambda: page.is_hidden("#error"), "they are wrong")
    assert all(float(text.removesuffix(" cm")) < 10 for text in told(page))
    it.save()
    surface = nodes(file)["surface"]["with"]
    assert set(surface) == {"points", "size"}
    assert [point["floor"] for point in surface["points"]] == [list(map(float, each)) for each in PLAN]
    np.testing.assert_allclose([p["picture"] for p in surface["points"]], [p["picture"] for p in marks()], atol=0.002)
    assert main(["check", str(file)]) == 0


def test_the_error_at_each_point_follows_the_drag_and_is_the_command_s(
    shown: Callable[..., Shown], browser: Any, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    CalibrationEdits(file, file).save({"surface": {"points": marks(), "size": SIZE}})
    it = shown()
    page = it.open(browser)
    assert page.get_attribute("[data-tool=points]", "aria-pressed") == "true"
    assert told(page) == ["0.0 cm"] * 6
    page.mouse.move(*it.middle('[data-key="points.0.4"] .dot'))
    page.mouse.down()
    page.mouse.move(*it.at(0.5, 0.7), steps=3)
    during = told(page)  # the button is still down
    assert during != ["0.0 cm"] * 6
    assert page.text_content('[data-key="points.0.4"] .number') == f"5 · {during[4]}"
    page.mouse.up()
    it.save()
    capsys.readouterr()
    assert main(["calibrate", str(file), "--errors", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["points"]["surface"]
    for row, text in zip(rows, during, strict=True):
        assert float(text.removesuffix(" cm")) == pytest.approx(row["cm"], abs=0.05 if row["cm"] < 9.9 else 0.5)


def test_by_keys_alone_a_point_is_added_moved_and_removed(
    shown: Callable[..., Shown], browser: Any, file: Path
) -> None:
    CalibrationEdits(file, file).save({"surface": {"points": marks(), "size": SIZE}})
    it = shown()
    page = it.open(browser)
    page.focus("#add")
    page.keyboard.press("Enter")
    new = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert "point 7 · " in new
    assert "75 %, 50 %; " in new
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    label = page.get_attribute('[data-key="points.0.6"]', "aria-label")
    assert f"{round(1000 * (0.75 + 1 / 640)) / 10:g} %, {round(1000 * (0.5 + 10 / 360)) / 10:g} %" in label
    page.keyboard.press("Delete")
    page.focus('[data-key="points.0.1"]')
    page.keyboard.press("Delete")
    page.get_by_label("remove point 1", exact=True).press("Enter")
    assert page.is_visible("#fits")
    assert told(page) == ["-"] * 4
    it.save()
    assert [point["floor"] for point in nodes(file)["surface"]["with"]["points"]] == [
        list(map(float, each)) for each in PLAN[2:]
    ]
    page.get_by_label("remove point 1", exact=True).click()
    until(lambda: "points: expected at least 4, got 3" in page.text_content("#error"), "nothing is said")
    assert page.is_disabled("#save")


@pytest.mark.slow
def test_corners_that_were_drawn_become_four_points_and_the_whole_image_takes_them_away(
    shown: Callable[..., Shown], browser: Any, file: Path
) -> None:
    CalibrationEdits(file, file).save({"surface": {"corners": CORNERS, "size": SIZE, "mirror": True}})
    it = shown()
    page = it.open(browser)
    page.click("[data-tool=points]")
    page.mouse.click(*it.at(0.5, 0.7))
    off = [float(text.removesuffix(" cm")) for text in told(page)]
    assert len(off) == 5
    assert max(off) < 10  # its place on the floor was guessed, to 10 cm
    it.save()
    saved = nodes(file)["surface"]["with"]
    assert [point["picture"] for point in saved["points"][:4]] == CORNERS
    assert [point["floor"] for point in saved["points"][:4]] == [[0, 0], [12, 0], [12, 8], [0, 8]]
    page.click("[data-tool=corners]")
    assert page.locator(".handle").count() == 0
    page.click("#whole")
    assert page.locator(".handle").count() == 4
    it.save()
    assert nodes(file)["surface"]["with"]["points"] == []
    assert main(["check", str(file)]) == 0


def test_a_running_graph_is_given_each_setting_when_it_fits(file: Path) -> None:
    edits = CalibrationEdits(file, file)
    edits.save({"surface": {"corners": CORNERS}})
    whole = [[0, 0], [1, 0], [1, 1], [0, 1]]
    saved = edits.save({"surface": {"points": marks(), "corners": whole, "size": SIZE}})
    assert [key for _, key in saved.changed] == ["corners", "size", "points"]
    assert next(key for _, key in edits.save({"surface": {"corners": CORNERS, "points": []}}).changed) == "points"


@pytest.mark.slow
@pytest.mark.parametrize("size", [(390, 844), (1400, 760)])
def test_axe_finds_no_serious_fault(
    shown: Callable[..., Shown], browser: Any, file: Path, size: tuple[int, int]
) -> None:
    CalibrationEdits(file, file).save({"surface": {"points": marks(), "size": SIZE}})
    page = shown().open(browser, viewport={"width": size[0], "height": size[1]})
    for tool in ("points", "corners", "zones", "region", "ignore"):
        page.click(f"[data-tool={tool}]")
        assert serious(page) == [], tool
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
