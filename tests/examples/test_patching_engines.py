"""Node-RED runs its flow; TouchDesigner's script and Max's are run against stubs, Max's patch is parsed."""

import importlib.util
import json
import re
import shutil
import types
from pathlib import Path

import pytest
from support.engines import ENGINES, Engine, State, Step, came_and_went_once, close, example, flat, follow
from support.needed import need
from support.osc_receivers import NPM, NPM_INSTALL, parsed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def test_node_red(tmp_path: Path, hands: list[Step]) -> None:
    need(shutil.which("node") and (NPM / "node-red-contrib-osc").exists(), f"node; {NPM_INSTALL}")

    def command(port: str) -> list[str | Path]:
        flow = json.loads(example("node_red.json", tmp_path, port).read_text())
        (function,) = (node for node in flow if node["type"] == "function")
        function["wires"][0].append("told")
        told = "node.log(JSON.stringify(msg.payload.map(({ id, x, y, open }) => [id, x, y, open])));"
        flow.append({**function, "id": "told", "name": "told", "func": told, "wires": [[]]})
        (tmp_path / "flows.json").write_text(json.dumps(flow))
        (tmp_path / "node_modules").symlink_to(NPM)
        # Its editor is not asked for, so that no port but the flow's own is taken.
        (tmp_path / "settings.js").write_text(
            "module.exports = { httpAdminRoot: false, httpNodeRoot: false, uiPort: 0, uiHost: '127.0.0.1',"
            " telemetry: { enabled: false }, logging: { console: { level: 'info' } } };"
        )
        return ["node", NPM / "node-red" / "red.js", "-u", tmp_path, "-s", tmp_path / "settings.js", "flows.json"]

    def read(line: str) -> State | None:
        if told := re.search(r"\[function:told\] (\[.*\])$", line):
            return {id_: tuple(values) for id_, *values in json.loads(told[1])}
        return None

    follow(Engine(command, read, {"HOME": tmp_path}), hands)


class Table:
    """As much of a Table DAT as the script uses."""

    def __init__(self) -> None:
        self.rows: list[list] = []

    def clear(self) -> None:
        self.rows = []

    def appendRow(self, row: list) -> None:  # noqa: N802
        self.rows.append(list(row))


def test_touchdesigner_against_a_stub(hands: list[Step]) -> None:
    spec = importlib.util.spec_from_file_location("touchdesigner", ENGINES / "touchdesigner.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table = Table()
    dat = types.SimpleNamespace(parent=lambda: types.SimpleNamespace(op={"hands": table}.get))
    for step in hands:
        for datagram in step.datagrams:
            for address, *values in parsed(datagram):
                module.onReceiveOSC(dat, 0, "", b"", 0.0, address, values, None)
        names, *rows = table.rows
        there = [dict(zip(names, row, strict=True)) for row in rows]
        assert close({hand["id"]: (hand["x"], 1 - hand["y"], hand["open"]) for hand in there}, step.hands, 1e-9)


# What Max gives a script, and OSC from a socket by npm's osc.
MAX = """
const vm = require("vm"), fs = require("fs"), osc = require("osc");
let line = [];
const max = {
  arrayfromargs: (values) => Array.from(values),
  outlet: (number, ...values) => {
    if (number === 0) line.push(values[1], values[2], values[3], values[4]);
    if (number === 1) console.log(values[0] === "enter" ? "came" : "went", values[1]);
    if (number === 2) {
      if (line.length !== 4 * values[0]) throw Error("so many hands were not told");
      console.log("hands:", ...line);
      line = [];
    }
  },
};
vm.createContext(max);
vm.runInContext(fs.readFileSync(process.argv[2], "utf-8"), max);
const port = new osc.UDPPort({ localAddress: "127.0.0.1", localPort: Number(process.argv[3]) });
port.on("message", ({ address, args }) => {
  max.messagename = address;
  max.anything(...args);
});
port.open();
"""


def test_the_script_for_max_against_a_stub(tmp_path: Path, hands: list[Step]) -> None:
    need(shutil.which("node") and (NPM / "osc").exists(), f"node; {NPM_INSTALL}")
    (tmp_path / "node_modules").symlink_to(NPM)
    (tmp_path / "max.cjs").write_text(MAX)
    engine = Engine(lambda port: ["node", tmp_path / "max.cjs", ENGINES / "max.js", port], flat, {})
    follow(engine, hands)
    came_and_went_once(engine, hands)


def test_the_patch_for_max_joins_what_is_there() -> None:
    patch = json.loads((ENGINES / "max.maxpat").read_text("utf-8"))["patcher"]
    boxes = {each["box"]["id"]: each["box"] for each in patch["boxes"]}
    assert len(boxes) == len(patch["boxes"])
    for line in patch["lines"]:
        (source, outlet), (target, inlet) = line["patchline"]["source"], line["patchline"]["destination"]
        assert outlet < boxes[source]["numoutlets"]
        assert inlet < boxes[target]["numinlets"]
    texts = [box.get("text", "") for box in boxes.values()]
    assert {"udpreceive 9000", "js max.js"} <= set(texts)
    outlets = int(re.findall(r"^outlets = (\d);", (ENGINES / "max.js").read_text("utf-8"), re.MULTILINE)[0])
    assert [box["numoutlets"] for box in boxes.values() if box.get("text") == "js max.js"] == [outlets]
