"""Where the network runs: the processor, or what else onnxruntime can use (its "execution providers").

What was asked for and is missing, wrong or slower than the processor is told and not taken: a graph that names a
graphics card still runs on the machine without one.
"""

import logging
from pathlib import Path
from typing import NamedTuple

from handflow.errors import SetupError, first_line

from .model import CPU, Model, available_providers, open_model
from .model_choice import MAX_INT8_DEVIATION, check_images, deviation


class Provider(NamedTuple):
    """One of onnxruntime's execution providers."""

    name: str  # onnxruntime's
    install: str  # what to do to have it


# By what graphs call them. Each package takes the place of `onnxruntime`, so that one goes first.
PROVIDERS = {
    "cpu": Provider(CPU, "pip install onnxruntime"),
    "cuda": Provider(
        "CUDAExecutionProvider",
        "pip uninstall onnxruntime, then pip install 'onnxruntime-gpu[cuda,cudnn]'; it needs an NVIDIA driver",
    ),
    "coreml": Provider("CoreMLExecutionProvider", "it is in onnxruntime for macOS, and nowhere else"),
    "directml": Provider(
        "DmlExecutionProvider", "on Windows: pip uninstall onnxruntime, then pip install onnxruntime-directml"
    ),
    "openvino": Provider(
        "OpenVINOExecutionProvider", "pip uninstall onnxruntime, then pip install onnxruntime-openvino (Intel)"
    ),
}


def choose_provider(
    asked: str, plain: Path, quickest: Model, size: tuple[int, int], threads: int, log: logging.Logger
) -> tuple[Path, str]:
    """Which file of a model runs where: its path, and a key of PROVIDERS.

    `asked`: such a key, or `auto`, the quickest that is installed. `plain`: the file that other providers are given,
    for what int8 gains is the processor's. `quickest`: the model as the processor would run it, which all others have
    to beat at `size` (width, height).
    """
    best_s, best = quickest.seconds_of(size), (quickest.path, "cpu")
    for name in [name for name in PROVIDERS if asked in (name, "auto") and name != "cpu"]:
        if asked == "auto" and PROVIDERS[name].name not in available_providers():
            continue
        try:
            seconds = _seconds(PROVIDERS[name], plain, quickest, size, threads)
            if seconds >= best_s:
                raise SetupError(f"{seconds * 1e3:.1f} ms a picture, {best[1]} takes {best_s * 1e3:.1f}")
        except SetupError as error:
            log.warning("provider %s is not taken, but %s: %s", name, best[1], error)
        else:
            best_s, best = seconds, (plain, name)
    return best


def _seconds(provider: Provider, plain: Path, quickest: Model, size: tuple[int, int], threads: int) -> float:
    """How long a picture takes there. SetupError says why it is not to be used."""
    if provider.name not in available_providers():
        raise SetupError(f"it is not installed: {provider.install}")
    try:
        model, any_size = (
            open_model(plain, threads, size, provider.name),
            open_model(plain, threads, None, provider.name),
        )
        # onnxruntime takes the processor without a word where it cannot start what was asked for.
        if provider.name not in model.session.get_providers():
            raise SetupError(f"it does not start: {provider.install}")
        strayed = deviation(quickest.run, any_size.run, check_images())
        seconds = model.seconds_of(size)
    except SetupError:
        raise
    except Exception as error:
        # onnxruntime's errors have no base of their own.
        raise SetupError(f"it fails: {first_line(error)[:120]}") from None
    if strayed > MAX_INT8_DEVIATION:
        raise SetupError(f"its maps differ from the processor's by {strayed:.2f} ({MAX_INT8_DEVIATION} is allowed)")
    return seconds
