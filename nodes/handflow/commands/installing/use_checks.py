"""`doctor`: what the graph would use on this machine: cameras, ports, and the network's speed."""

import os
import socket
from collections.abc import Iterator, Sequence
from typing import Any

from handflow.capture.devices import LINUX, is_device
from handflow.capture.images import silence_opencv
from handflow.capture.network import is_stream, open_stream
from handflow.errors import SetupError
from handflow.runtime.address import masked
from handflow.runtime.graph.stage import Stage
from handflow.vision.model import PROFILES, Model, model_path, open_model
from handflow.vision.model_choice import AUTO_SHARE, MAX_INT8_DEVIATION, check_images, deviation

from .cameras import cameras as all_cameras
from .checks import Finding

MODEL, FPS = "hands", 30.0


def network_speed(stages: Sequence[Stage]) -> Iterator[Finding]:
    """How many pictures a second the network does here, in fp32 and int8, and whether int8 is right."""
    name = str(next(iter(settings(stages, "model")), MODEL))
    opened: dict[str, Model] = {}
    for precision in ("fp32", "int8"):
        try:
            opened[precision] = open_model(model_path(name, precision))
        except SetupError as error:
            if precision == "fp32":
                yield Finding("network", "fault", str(error), "install handflow anew, or name another model")
                return
            yield Finding("network", "warning", f"{name} has no int8 form", "handflow export makes one, twice as fast")
    quickest = dict.fromkeys(PROFILES, 0.0)
    for precision, model in opened.items():
        rates = {profile: 1 / model.seconds(profile) for profile in PROFILES}
        quickest = {profile: max(quickest[profile], rate) for profile, rate in rates.items()}
        words = ", ".join(f"{profile} {rate:.0f}" for profile, rate in rates.items())
        figures = {f"{precision}_{profile}": round(rate, 1) for profile, rate in rates.items()}
        yield Finding("network", "ok", f"{precision}: pictures a second on one core: {words}", figures=figures)
    if "int8" in opened:
        strays = deviation(opened["fp32"].run, opened["int8"].run, check_images())
        if strays > MAX_INT8_DEVIATION:
            advice = "fp32 is taken; handflow export makes an int8 file that every processor computes alike"
            yield Finding("network", "warning", f"int8 strays by {strays:.2f} on this processor", advice)
    good = [profile for profile, rate in quickest.items() if rate * AUTO_SHARE >= FPS]
    if good:
        yield Finding("network", "ok", f"profile {good[-1]} keeps {FPS:g} fps with time to spare")
    else:
        advice = f"take profile near and {max(5, int(quickest['near'] * AUTO_SHARE))} fps, or a quicker machine"
        yield Finding("network", "warning", f"no profile keeps {FPS:g} fps with time to spare", advice)


def cameras(stages: Sequence[Stage], runs: bool) -> Iterator[Finding]:
    """Whether the graph's cameras open, or what else there is; not if it `runs` and has them."""
    silence_opencv()
    if runs:
        yield Finding("cameras", "ok", "the graph runs and has them: handflow top shows how they do")
        return
    sources = [str(source) for source in settings(stages, "source")] or ["auto"]
    for source in sources:
        if is_stream(source):
            yield _stream(source)
        elif not is_device(source) and source != "demo" and not os.path.exists(source):
            yield Finding("cameras", "fault", f"source {source}: no such file or folder", "name one that is there")
    if not any(is_device(source) for source in sources):
        return
    found = list(all_cameras(measure=False))
    for camera in found:
        name = f"camera {camera.index}" + (f" ({camera.name})" if camera.name else "")
        if camera.opens:
            yield Finding("cameras", "ok", f"{name} opens")
        else:
            yield Finding("cameras", "warning", f"{name} does not open", camera.fault)
    if not any(camera.opens for camera in found):
        advice = "plug one in, use one on the network (rtsp://…, http://…), or --source demo; auto shows the demo"
        yield Finding("cameras", "warning", "no camera opens", advice)


def _stream(source: str) -> Finding:
    try:
        capture = open_stream(source)
        try:
            capture.grab()
        finally:
            capture.release()
    except (OSError, SetupError) as error:
        return Finding("cameras", "fault", masked(str(error)), "does it play elsewhere, with ffplay or a browser?")
    return Finding("cameras", "ok", f"{masked(source)} gives pictures")


def ports(stages: Sequence[Stage], runs: bool) -> Iterator[Finding]:
    """Whether what the graph listens on is free; not if it `runs` and has it."""
    if runs:
        yield Finding("ports", "ok", "the graph runs and has them")
        return
    free = []
    for name, values in _listening(stages):
        where = f"{values['address']}:{values['port']}"
        try:
            family = socket.AF_INET6 if ":" in values["address"] else socket.AF_INET
            with socket.socket(family) as trial:
                # On Windows it would let two programs have one port.
                if os.name != "nt":
                    trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind((values["address"].replace("*", "0.0.0.0"), values["port"]))
        except OSError as error:
            look = "ss -ltnp" if LINUX else "netstat -ano"
            advice = f"end what has it ({look}), or --set {name}.port=…"
            yield Finding("ports", "fault", f"{name} cannot listen on {where}: {error.strerror}", advice)
        else:
            free.append(f"{where} ({name})")
    if free:
        yield Finding("ports", "ok", f"free: {', '.join(free)}")


def _listening(stages: Sequence[Stage]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The nodes with an address and a port of their own, and both."""
    for stage in stages:
        found = {key: value(stage, key) for key in ("address", "port")}
        if isinstance(found["address"], str) and isinstance(found["port"], int) and found["port"]:
            yield stage.name, found


def settings(stages: Sequence[Stage], key: str) -> list[Any]:
    """A setting of all nodes that have it, as given or by default."""
    return [value(stage, key) for stage in stages if key in stage.declaration.settings]


def value(stage: Stage, key: str) -> Any:
    """A setting of a stage as it runs: the graph's, else the class's default; None where it has no such setting."""
    return stage.settings.get(key, getattr(stage.node, key, None))
