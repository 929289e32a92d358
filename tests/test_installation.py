"""What a message says of how to install what is missing: each way in which logsrv can have come."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import logsrv
from logsrv.cli.origin import installable_origin
from logsrv.installation import MARK, Installation, how_to_install, this_installation

REQUIREMENTS = (
    "Twisted[tls]<27,>=26.10",
    'textual>=8.2; extra == "browse"',
    'Pillow>=12; extra == "browse"',
    'pyarrow>=26; extra == "columns"',
    'duckdb>=2.0; extra == "sql"',
)


@pytest.fixture
def installed(tmp_path: Path) -> Callable[..., Installation]:
    """Make an installation in an environment with pip."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/pip").touch()

    def make(**fields: Any) -> Installation:
        given: dict[str, Any] = {
            "name": "logsrv",
            "version": "1.0.0",
            "requirements": REQUIREMENTS,
        } | fields
        return Installation(prefix=str(tmp_path), **given)

    return make


@pytest.fixture
def pip(tmp_path: Path) -> str:
    return f"{tmp_path}/bin/pip install"


def test_a_checkout_is_installed_again_with_the_extra(installed, pip, tmp_path):
    origin = {"url": tmp_path.as_uri(), "dir_info": {"editable": True}}
    assert installed(origin=origin).adding("nats") == f"{pip} --editable '{tmp_path}[nats]'"
    origin = {"url": tmp_path.as_uri(), "dir_info": {}}
    said = installed(origin=origin).adding("archive", "columns")
    assert said == f"{pip} '{tmp_path}[archive,columns]'"


def test_a_path_with_a_space_is_one_word(installed, tmp_path):
    place = tmp_path / "my logs"
    place.mkdir()
    said = installed(origin={"url": place.as_uri(), "dir_info": {}}).adding("nats")
    assert shlex.split(said)[-1] == f"{place}[nats]"


def test_the_file_of_a_wheel_is_named_as_long_as_it_is_there(installed, pip, tmp_path):
    wheel = tmp_path / "logsrv-1.0.0-py3-none-any.whl"
    wheel.touch()
    installation = installed(origin={"url": wheel.as_uri(), "archive_info": {}})
    assert installation.adding("columns") == f"{pip} '{wheel}[columns]'"
    wheel.unlink()
    assert installation.adding("columns") == f"{pip} 'pyarrow>=26'"


def test_a_commit_of_git_is_that_commit(installed, pip):
    origin = {
        "url": "https://example.org/logsrv.git",
        "vcs_info": {"vcs": "git", "commit_id": "4a640fe4"},
    }
    said = installed(origin=origin).adding("sql")
    assert said == f"{pip} 'logsrv[sql] @ git+https://example.org/logsrv.git@4a640fe4'"


def test_without_a_noted_place_no_index_is_asked_for_logsrv(installed, pip):
    """As after `pip install --find-links`: the name on an index may be a stranger's."""
    assert installed().adding("sql") == f"{pip} 'duckdb>=2.0'"


def test_debians_package_names_a_package_or_libraries_but_never_logsrv(installed, pip):
    installation = installed(mark="debian")
    assert installation.adding("sql").startswith("apt install ./logsrv-sql_*.deb")
    assert installation.adding("browse") == f"{pip} 'textual>=8.2' 'Pillow>=12'"


def test_an_image_is_built_with_what_it_has_and_the_extra(installed):
    installation = installed(mark="image columns,senders")
    assert installation.adding("nats") == "make container ARGS='--extras columns,senders,nats'"
    assert installed(mark="image").adding("nats") == "make container ARGS='--extras nats'"


def test_a_checkout_on_pythons_path_is_named(installed, pip):
    assert installed(name="", checkout="/srv/logsrv").adding("nats") == f"{pip} '/srv/logsrv[nats]'"


def test_an_environment_of_uv_has_no_pip(installed, tmp_path):
    (tmp_path / "bin/pip").unlink()
    python = f"{tmp_path}/bin/python"
    assert installed(by_uv=True).pip() == f"uv pip install --python {python}"
    assert installed().pip() == f"{python} -m pip install"


def test_the_kit_gets_the_line_logger_of_its_own_version_from_beside_it(installed, pip):
    origin = {"url": "file:///srv/dist/logsrv_kit-1.0.0-py3-none-any.whl", "archive_info": {}}
    kit = installed(name="logsrv-kit", origin=origin)
    assert kit.adding_line_logger() == f"{pip} /srv/dist/logsrv-1.0.0-py3-none-any.whl"
    assert installed(name="logsrv-kit").adding_line_logger() == f"{pip} logsrv==1.0.0"


def test_a_deleted_line_logger_is_installed_again(installed, pip, tmp_path):
    origin = {"url": tmp_path.as_uri(), "dir_info": {}}
    again = f"{pip} --force-reinstall --no-deps {tmp_path}"
    assert installed(origin=origin).adding_line_logger() == again


def test_this_installation_is_the_one_of_the_running_python(tmp_path, monkeypatch):
    assert this_installation().prefix == sys.prefix
    assert "nats" in how_to_install("nats")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    (tmp_path / MARK).write_text("image columns\n")
    assert how_to_install("nats") == "make container ARGS='--extras columns,nats'"


def test_a_checkout_that_a_link_leads_to_is_found_by_its_own_name(tmp_path, monkeypatch):
    """Messages of a missing extra and `logsrv new` name the same folder."""
    package = tmp_path / "checkout/logsrv"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (tmp_path / "linked").symlink_to(package)
    monkeypatch.setattr(logsrv, "__file__", str(tmp_path / "linked/__init__.py"))
    (tmp_path / "checkout/setup.cfg").touch()
    assert this_installation().checkout == ""
    (tmp_path / "checkout/pyproject.toml").touch()
    assert this_installation().checkout == installable_origin() == str(tmp_path / "checkout")


def test_a_checkout_whose_distribution_was_never_installed_is_named(installed, pip):
    """Its egg-info is on Python's path, and says nothing of where it came from."""
    assert installed(checkout="/srv/logsrv").adding("nats") == f"{pip} '/srv/logsrv[nats]'"
