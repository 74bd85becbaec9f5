"""OpenGL for tests that draw people: there, or a reason to skip."""

import os

import pytest


def needs_opengl() -> None:
    """Skips where moderngl or OpenGL is missing; in CI both must be there."""
    if not os.environ.get("CI"):
        pytest.importorskip("moderngl", reason="moderngl is missing: pip install 'handflow[synthetic]'")
    from handflow import SetupError
    from handflow.synthetic.people.renderer import opengl_context

    try:
        opengl_context().release()
    except SetupError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
