"""What else than the processor may run the network, with sessions made up here."""

import logging
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from support.models import FACTS, brightness_model

from handflow.runtime.inline import started
from handflow.stages.heatmap import HeatmapNode
from handflow.vision import providers
from handflow.vision.model import CPU, Model

CUDA, OPENVINO = (providers.PROVIDERS[name].name for name in ("cuda", "openvino"))


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(brightness_model(tmp_path / "light.onnx", FACTS))


class Machine:
    """Which providers are installed, which of these start, how long a picture takes on each, what they add to maps."""

    def __init__(self) -> None:
        self.installed = [CUDA, OPENVINO, CPU]
        self.dead: set[str] = set()
        self.seconds = {CPU: 0.010, CUDA: 0.002, OPENVINO: 0.004}
        self.error = dict.fromkeys(self.seconds, 0.0)

    def open(self, content: bytes, options: Any, providers: list[str]) -> Any:
        return MadeUpSession(self, self.real(content, options, providers=[CPU]), providers)


class MadeUpSession:
    """A network on the processor that says it is elsewhere."""

    def __init__(self, machine: Machine, session: Any, providers: list[str]) -> None:
        self.machine, self.session = machine, session
        self.providers = [name for name in providers if name not in machine.dead]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.session, name)

    def get_providers(self) -> list[str]:
        return self.providers

    def run(self, outputs: list[str], given: dict[str, np.ndarray]) -> list[np.ndarray]:
        return [each + np.float32(self.machine.error[self.providers[0]]) for each in self.session.run(outputs, given)]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine()
    made.real = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "InferenceSession", made.open)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: made.installed)
    monkeypatch.setattr(Model, "seconds_of", lambda self, size: made.seconds[self.session.get_providers()[0]])
    return made


def used(model: str, **settings: Any) -> tuple[str, str]:
    """What the stage runs on, and its note."""
    node = HeatmapNode(model=model, **settings)
    node.start()
    return node.network.session.get_providers()[0], node.note


def test_the_processor_is_the_default_whatever_is_installed(model: str, machine: Machine) -> None:
    assert used(model) == (CPU, "near")


@pytest.mark.parametrize(("asked", "taken"), [("cuda", CUDA), ("openvino", OPENVINO), ("auto", CUDA)])
def test_a_quicker_one_is_taken(asked: str, taken: str, model: str, machine: Machine, caplog: Any) -> None:
    name = next(name for name, provider in providers.PROVIDERS.items() if provider.name == taken)
    assert used(model, provider=asked) == (taken, f"near {name}")
    assert not any(f"provider {name} is not taken" in line for line in caplog.messages)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"installed": [CPU]}, "it is not installed: pip uninstall onnxruntime, then pip install 'onnxruntime-gpu"),
        ({"dead": {CUDA}}, "it does not start: .*NVIDIA driver"),
        ({"seconds": {CPU: 0.010, CUDA: 0.012}}, "12.0 ms a picture, cpu takes 10.0"),
        ({"error": {CPU: 0.0, CUDA: 0.3}}, r"its maps differ from the processor's by 0.30 \(0.03 is allowed\)"),
        ({"error": {CPU: 0.0}}, "it fails: "),
    ],
)
def test_one_that_is_missing_dead_slower_or_wrong_is_told_and_not_taken(
    fault: dict[str, Any], said: str, model: str, machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    vars(machine).update(fault)
    assert used(model, provider="cuda") == (CPU, "near")
    (line,) = caplog.messages
    assert re.match(f"provider cuda is not taken, but cpu: {said}", line), line


def test_auto_says_nothing_of_what_is_not_installed(model: str, machine: Machine, caplog: Any) -> None:
    machine.installed = [CPU]
    with caplog.at_level(logging.INFO):
        assert used(model, provider="auto") == (CPU, "near")
    assert caplog.messages == []


def test_an_exact_run_is_the_processors(model: str, machine: Machine) -> None:
    with started(HeatmapNode(model=model, provider="cuda")) as node:
        assert node.network.session.get_providers()[0] == CPU
