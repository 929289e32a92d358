"""The golden stores of each version: unpacked once for reading, and a copy for what changes them."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.golden.golden import FOLDERS, VERSIONS, unpack
from tests.parts.daemons import Start, starting

HERE = Path(__file__).parent


# The folder without answers has many small segments, and takes four times as long.
PARAMETERS = [
    pytest.param(one, id=one.name, marks=[] if one.name in VERSIONS else [pytest.mark.slow])
    for one in FOLDERS
]


@pytest.fixture(scope="module", params=PARAMETERS)
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the stores of any version, only to be read; its name is the version's."""
    place = tmp_path_factory.mktemp("stores") / request.param.name
    place.mkdir()
    return unpack(request.param, place)


@pytest.fixture(scope="module", params=VERSIONS)
def answered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The stores of a version that also left its answers, only to be read; the name is the version's."""
    place = tmp_path_factory.mktemp("answered") / request.param
    place.mkdir()
    return unpack(HERE / request.param, place)


@pytest.fixture(scope="module")
def answered_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A function that returns the same for a version; its stores are unpacked once."""
    found: dict[str, Path] = {}

    def of(version: str) -> Path:
        if version not in found:
            found[version] = unpack(HERE / version, tmp_path_factory.mktemp("asked"))
        return found[version]

    return of


@pytest.fixture
def stores(answered: Path, tmp_path: Path) -> Path:
    """A copy of them for one test. Its name is the version's, too."""
    return shutil.copytree(answered, tmp_path / answered.name)


@pytest.fixture
def logger(tmp_path: Path) -> Iterator[Start]:
    """Start daemons for one test."""
    with starting(tmp_path) as start:
        yield start
