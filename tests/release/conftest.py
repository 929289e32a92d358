from pathlib import Path

import pytest

from tests.parts.programs import missing
from tests.parts.scripts import script

PYTHONS = ("3.11", "3.12", "3.13", "3.14")


@pytest.fixture(scope="session")
def pythons() -> dict[str, Path]:
    """The Pythons of this machine by their minor version."""
    found = script("release/pythons.py")["pythons"]()
    return {version.rpartition(".")[0]: path for version, path in found}


@pytest.fixture(params=PYTHONS)
def each_python(request: pytest.FixtureRequest, pythons: dict[str, Path]) -> Path:
    """One of the Pythons that are promised. Of the later ones, those that are here."""
    if request.param not in pythons:
        if request.param == PYTHONS[0]:
            missing("there is no Python 3.11, the oldest that is promised")
        pytest.skip(f"there is no Python {request.param} here")
    return pythons[request.param]
