"""Where this logsrv is from, so that a new project installs the same."""

import json
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

import logsrv
from logsrv.cli import origin
from logsrv.cli.origin import installable_origin
from logsrv.installation import Installation

ROOT = Path(__file__).parents[2]


def test_the_origin_of_a_checkout_is_its_folder():
    assert installable_origin() == str(ROOT.resolve())


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What pip has written down about an installation that is no checkout."""
    record: dict[str, Any] = {}

    class Distribution:
        # As of a wheel with everything: the kit's own distribution is only a note in it.
        files = (PurePosixPath("logsrv_kit-1.dist-info/METADATA"),)

        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return json.dumps(record) if record else None

    monkeypatch.setattr(logsrv, "__file__", str(tmp_path / "site" / "logsrv" / "__init__.py"))
    monkeypatch.setattr(metadata, "distribution", lambda name: Distribution())
    monkeypatch.setattr(origin, "this_installation", lambda: Installation("/opt/x"))
    return record


def test_the_origin_from_an_index_is_name_and_version(installed):
    assert installable_origin() == f"logsrv=={logsrv.__version__}"


def test_the_origin_in_the_package_of_debian_is_unknown_and_no_name_of_an_index(
    installed, monkeypatch
):
    monkeypatch.setattr(origin, "this_installation", lambda: Installation("/opt/x", mark="debian"))
    assert installable_origin() == ""


def test_the_origin_from_a_wheel_is_its_file_and_no_name_of_an_index_without_it(
    installed, tmp_path
):
    wheel = tmp_path / "a b.whl"
    installed.update(url=wheel.as_uri(), archive_info={})
    assert installable_origin() == ""
    wheel.touch()
    assert installable_origin() == str(wheel)


def test_the_origin_from_a_url_is_the_url(installed):
    installed.update(url="https://example.org/logsrv.whl", archive_info={})
    assert installable_origin() == "logsrv @ https://example.org/logsrv.whl"
    installed.update(url="https://example.org/x", vcs_info={"vcs": "git", "commit_id": "abc"})
    assert installable_origin() == "logsrv @ git+https://example.org/x@abc"


def test_the_origin_of_the_kit_that_is_a_distribution_of_its_own(installed, monkeypatch):
    class Kit:
        files = (PurePosixPath("logsrv/kit/__init__.py"),)

        def read_text(self, name: str) -> str:
            return json.dumps({"url": "https://example.org/logsrv_kit.whl"})

    whole = metadata.distribution
    monkeypatch.setattr(
        metadata, "distribution", lambda name: Kit() if name == "logsrv-kit" else whole(name)
    )
    installed.update(url="https://example.org/logsrv.whl")
    assert installable_origin() == "logsrv-kit @ https://example.org/logsrv_kit.whl"
    of_line_logger = installable_origin(of_line_logger=True)
    assert of_line_logger == "logsrv @ https://example.org/logsrv.whl"
