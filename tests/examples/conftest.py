"""What `simulate` sends, once for all engines."""

import pytest
from support.engines import Step, simulated


@pytest.fixture(scope="session")
def hands() -> list[Step]:
    return simulated("hands")


@pytest.fixture(scope="session")
def hands_split() -> list[Step]:
    return simulated("hands-split", "--set", "slots=8", "--hands", "8")


@pytest.fixture(scope="session")
def tuio() -> list[Step]:
    return simulated("tuio11")
