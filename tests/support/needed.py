"""Programs and libraries that a test needs and a machine may lack."""

import os

import pytest


def need(there: object, what: str) -> None:
    """Skips the test where `what` is not there; in CI (the variable CI) it fails."""
    if not there:
        if os.environ.get("CI"):
            pytest.fail(f"missing: {what}")
        pytest.skip(f"missing: {what}")
