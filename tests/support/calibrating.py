"""A graph to calibrate, what may be drawn on its page, and that page in a browser."""

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from ruamel.yaml import YAML

from handflow.commands.setup.calibrate import serve
from handflow.commands.setup.calibration_edits import CalibrationEdits
from handflow.outputs.page import pack

from .graphs import until

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


def nodes(file: Path) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(file.read_text())["nodes"]


def on_two_machines(file: Path) -> None:
    machines = "machines: {booth: {host: 127.0.0.1, port: 5600}, stage: {host: 127.0.0.1, port: 5700}}\n"
    text = re.sub(r"\{run: (?!camera)", "{on: stage, run: ", GRAPH).replace("{run: camera", "{on: booth, run: camera")
    file.write_text(machines + text)


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
        self.page.evaluate("document.getElementById('said').textContent = ''")
        self.page.click("#save")
        until(lambda: (self.page.text_content("#said") or "").startswith("Saved"), "it is not saved")
        return self.page.text_content("#said")
