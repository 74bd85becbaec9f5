"""SuperCollider, ChucK, Csound and Pure Data run their examples, without a sound: each holds what was sent."""

import shutil
from pathlib import Path

import pytest
from support.engines import Engine, State, Step, example, flat, follow
from support.needed import need

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# Registered after the example's own for this address, so it is called after it.
SCLANG = """
OSCdef(\\told, {
    "hands:%".format(~hands.keys.collect { |id|
        " % % % %".format(id, ~hands[id].x, ~hands[id].y, ~hands[id].open)
    }.asArray.join).postln;
}, '/hands/alive');
"""
CHUCK = """
    cherr <= "hands:";
    for (0 => int i; i < SLOTS; i++) if (id[i]) cherr <= " " <= id[i] <= " " <= x[i] <= " " <= y[i] <= " " <= open[i];
    cherr <= IO.newline();
"""
# Tells a slot when anything in it has changed.
CSOUND = """
instr Told
  SHand sprintf "hands/%d/", p4
  kActive chnget strcat(SHand, "active")
  kId chnget strcat(SHand, "id")
  kX chnget strcat(SHand, "x")
  kY chnget strcat(SHand, "y")
  kOpen chnget strcat(SHand, "open")
  if changed(kActive, kId, kX, kY, kOpen) == 1 then
    printks "slot: %d %d %d %.7f %.7f %.7f\\n", 0, p4, kActive, kId, kX, kY, kOpen
  endif
endin
"""


def test_supercollider(tmp_path: Path, hands: list[Step]) -> None:
    need(shutil.which("sclang"), "apt-get install supercollider-language")

    def command(port: str) -> list[str | Path]:
        text = example("supercollider.scd", tmp_path, port).read_text()
        # Without the line that starts the server, which wants a sound card.
        block, boot, _ = text.rpartition("\ns.boot;")
        assert boot
        (tmp_path / "hands.scd").write_text(block + SCLANG)
        return ["sclang", "-D", "-u", "0", tmp_path / "hands.scd"]

    # sclang brings a browser for its help.
    headless = {"QT_QPA_PLATFORM": "offscreen", "QTWEBENGINE_DISABLE_SANDBOX": 1, "XDG_RUNTIME_DIR": tmp_path}
    follow(Engine(command, flat, {"HOME": tmp_path, **headless}), hands)


def test_chuck(tmp_path: Path, hands: list[Step]) -> None:
    need(shutil.which("chuck"), "apt-get install chuck")
    hook = "fun void frame() {"

    def command(port: str) -> list[str | Path]:
        copy = example("chuck.ck", tmp_path, port)
        assert copy.read_text().count(hook) == 1
        copy.write_text(copy.read_text().replace(hook, hook + CHUCK))
        return ["chuck", "--silent", "--port:" + port, copy]

    follow(Engine(command, flat, {}), hands)


def test_csound(tmp_path: Path, hands_split: list[Step]) -> None:
    need(shutil.which("csound"), "apt-get install csound")
    slots: dict[int, list[float]] = {}

    def command(port: str) -> list[str | Path]:
        text = example("csound.csd", tmp_path, port).read_text()
        text = text.replace("</CsInstruments>", CSOUND + "</CsInstruments>")
        text = text.replace('i "Hand" 0 z $SLOT\n', 'i "Hand" 0 z $SLOT\ni "Told" 0 z $SLOT\n')
        (tmp_path / "hands.csd").write_text(text)
        return ["csound", "-+rtaudio=null", tmp_path / "hands.csd"]

    def read(line: str) -> State | None:
        if "slot:" in line:
            slot, active, id_, *hand = map(float, line.partition("slot:")[2].split())
            slots[int(slot)] = [active, id_, *hand]
            return {int(s[1]): tuple(s[2:]) for s in slots.values() if s[0]}
        return None

    follow(Engine(command, read, {}), hands_split, window=0)


def test_pure_data(tmp_path: Path, hands: list[Step]) -> None:
    need(shutil.which("pd"), "apt-get install puredata-core")
    told: dict[int, tuple[float, ...]] = {}

    def read(line: str) -> State | None:
        what, _, rest = line.partition(":")
        words = [float(word) for word in rest.split() if word != "bang"]
        if what == "hand":
            told[int(words[0])] = tuple(words[1:3])
        if what != "alive":
            return None
        return {int(id_): told[int(id_)] for id_ in words}

    def command(port: str) -> list[str | Path]:
        return ["pd", "-nogui", "-noaudio", "-nomidi", "-stderr", example("puredata.pd", tmp_path, port)]

    engine = Engine(command, read, {})
    follow(engine, hands)
