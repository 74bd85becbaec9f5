"""Model files that take turns; how quick they are is no test's business."""

from pathlib import Path

import pytest
from support.models import FACTS, brightness_model

from handflow import SetupError
from handflow.__main__ import main
from handflow.bench import network
from handflow.vision.model import PROFILES, Model, open_model


def test_files_take_turns_and_are_held_against_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {name: brightness_model(tmp_path / f"{name}.onnx", FACTS) for name in ("old", "new")}
    turns: list[tuple[str, str]] = []
    sizes = [open_model(files["old"]).input_size(1280, 720, profile) for profile in PROFILES]

    def looks(model: Model, size: tuple[int, int]) -> list[float]:
        slowness = 1 + sizes.index(size)
        turns.append((model.path.stem, PROFILES[slowness - 1]))
        return [slowness * ms for ms in ([10.0, 20.0, 30.0] if model.path.stem == "old" else [5.0, 30.0, 40.0])]

    monkeypatch.setattr(network, "looks_ms", looks)
    *_, rows = network.measure(files, 2, lambda _: None)
    assert turns == [(name, profile) for profile in PROFILES for name in ("old", "new") * 2]
    assert [(row["model"], row["profile"]) for row in rows] == list(dict.fromkeys(turns))
    assert rows[0] == {
        "model": "old", "profile": "near", "best_ms": 10.0, "median_ms": 20.0, "of_the_first": "1.00; 1.00"
    }  # fmt: skip
    assert rows[5] == {
        "model": "new", "profile": "far", "best_ms": 15.0, "median_ms": 90.0, "of_the_first": "0.50; 1.50"
    }  # fmt: skip


def test_a_network_is_timed_by_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = brightness_model(tmp_path / "light.onnx", FACTS)
    assert main(["bench", "network", "--rounds", "1", "--model", str(file)]) == 0
    told = capsys.readouterr().out
    assert all(f"network: model {file}, profile {profile}, best ms" in told for profile in PROFILES)


def test_what_is_no_model_is_not_timed(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"no")
    with pytest.raises(SetupError, match=r"x\.onnx"):
        list(network.measure({"x": tmp_path / "x.onnx"}, 1, lambda _: None))
