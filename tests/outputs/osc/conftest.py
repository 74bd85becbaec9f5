"""osc stages that send to targets."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from handflow.stages.osc import Osc, Target


@pytest.fixture
def started() -> Iterator[Callable[..., Osc]]:
    """Starts stages with targets, and stops them."""
    cache: list[Osc] = []

    def start(*targets: dict[str, Any], persistent: dict[str, Any] | None = None) -> Osc:
        node = Osc(targets=[Target(**target) for target in targets])
        node.persistent.update(persistent or {})
        node.start()
        cache.append(node)
        return node

    yield start
    for node in cache:
        node.stop()
