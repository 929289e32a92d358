"""What is found among installed packages."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import LOGSRV

pytestmark = pytest.mark.slow

PLUGIN = """
from logsrv.kit import protocol_plugin
async def handle(connection): pass
made = protocol_plugin({name!r}, handle, description="does nothing", listen="udp:7009")
"""
INPUT = """
from twisted.plugin import IPlugin
from zope.interface import implementer
from logsrv.linelog.inputs.intake.intake import IInput
@implementer(IInput, IPlugin)
class Records:
    '''Records of some kind.'''
    name = "records"
    def stream(self, intake): ...
    def datagrams(self, intake): ...
records = Records()
"""


def found(site: Path, **files: str) -> dict[str, Any]:
    """What `logsrv plugins --json` says with these files in a folder for packages."""
    folder = site / "twisted" / "plugins"
    folder.mkdir(parents=True)
    for name, code in files.items():
        (folder / f"{name}.py").write_text(code)
    run = subprocess.run(
        [*LOGSRV, "plugins", "--json"], capture_output=True, env={"PYTHONPATH": str(site)}
    )
    assert run.stderr in (b"", b"printed\n"), run.stderr
    result: dict[str, Any] = json.loads(run.stdout)
    return result


def named(plugins: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [plugin for plugin in plugins if plugin["name"] == name]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


def test_our_own_plugins_are_listed_with_version_and_package(site: Path) -> None:
    """With the version and the package, and where they listen."""
    result = found(site)
    (logger,) = named(result["plugins"], "logsrv")
    assert logger["listens"] == ["tcp:1234"]
    assert logger["package"] == "logsrv"
    assert logger["version"]
    assert logger["where"].endswith("logsrv_plugins.py")
    assert named(result["inputs"], "lines")[0]["package"] == "logsrv"
    assert named(result["plugins"], "web")[0]["package"] == "Twisted"
    assert result["broken"] == []


def test_a_strangers_plugin_is_listed(site: Path) -> None:
    (plugin,) = named(found(site, other=PLUGIN.format(name="other"))["plugins"], "other")
    assert plugin["listens"] == ["udp:7009"]
    assert plugin["description"] == "does nothing"
    assert plugin["where"] == str(site / "twisted" / "plugins" / "other.py")
    assert plugin["package"] == ""


def test_a_strangers_input_is_listed(site: Path) -> None:
    (plugin,) = named(found(site, records=INPUT)["inputs"], "records")
    assert plugin["description"] == "Records of some kind."
    assert plugin["taken"]


def test_the_package_is_known_by_its_files(site: Path) -> None:
    """As pip writes them down."""
    info = site / "shouting-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.2\n")
    (info / "RECORD").write_text("twisted/plugins/other.py,,\n")
    (plugin,) = named(found(site, other=PLUGIN.format(name="other"))["plugins"], "other")
    assert (plugin["package"], plugin["version"]) == ("shouting", "1.2")


def test_the_package_of_an_editable_install_is_known(site: Path, tmp_path: Path) -> None:
    info = site / "shouting-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.2\n")
    (info / "direct_url.json").write_text(json.dumps({"url": site.as_uri()}))
    (plugin,) = named(found(site, other=PLUGIN.format(name="other"))["plugins"], "other")
    assert plugin["package"] == "shouting"


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("x = (", "SyntaxError: '(' was never closed"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise ValueError('\\x1b[2J')", "ValueError: \\x1b[2J"),
    ],
)
def test_a_broken_file_harms_no_other(site: Path, code: str, error: str) -> None:
    result = found(site, other=PLUGIN.format(name="other"), wrong=code)
    (broken,) = result["broken"]
    assert broken["where"].endswith("wrong.py")
    assert broken["error"].startswith(error)
    assert named(result["plugins"], "other")


def test_a_plugin_whose_code_is_missing_is_reported(site: Path) -> None:
    code = (
        "from twisted.application.service import ServiceMaker\n"
        "late = ServiceMaker('late', 'no.such.module', '', 'late')\n"
    )
    (plugin,) = named(found(site, late=code)["plugins"], "late")
    assert "no.such.module" in plugin["error"]


@pytest.mark.parametrize("role", ["protocol", "options", "datagrams", "state", "version"])
def test_a_plugin_whose_code_cannot_be_imported_is_reported(site: Path, role: str) -> None:
    """Whichever part of it: the sentence says where the mistake is."""
    named_so = {"protocol": "greet", role: "late"}
    arguments = ", ".join(f"{key}='{package}.code:Thing'" for key, package in named_so.items())
    code = f"from logsrv.kit import protocol_plugin\nlate = protocol_plugin('late', {arguments})\n"
    for package, text in {"late": "import nothing_there\n", "greet": ""}.items():
        (site / package).mkdir(parents=True)
        (site / package / "__init__.py").touch()
        (site / package / "code.py").write_text(f"{text}def Thing(connection): pass\n")
    (plugin,) = named(found(site, late=code)["plugins"], "late")
    assert plugin["error"] == (
        "late.code cannot be imported: ModuleNotFoundError: No module named 'nothing_there' "
        f"({site / 'late' / 'code.py'}:1)"
    )


def test_of_two_plugins_with_one_name_both_are_listed(site: Path) -> None:
    """Both are listed, and the one that twistd takes is the one said to be taken."""
    code = PLUGIN.format(name="same")
    result = found(site, aaa=code, zzz=code.replace("does nothing", "is another"))
    taken = {plugin["description"]: plugin["taken"] for plugin in named(result["plugins"], "same")}
    assert sorted(taken) == ["does nothing", "is another"]
    looking = (
        "from twisted.scripts._twistd_unix import ServerOptions\n"
        "options = ServerOptions()\n"
        "options.parseOptions(['same'])\n"
        "print(options.loadedPlugins['same'].description)\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", looking], capture_output=True, env={"PYTHONPATH": str(site)}
    )
    assert [name for name, is_taken in taken.items() if is_taken] == [shown.stdout.decode().strip()]


def test_output_of_a_plugin_file_does_not_break_json(site: Path) -> None:
    """JSON stays JSON."""
    assert named(
        found(site, other="print('printed')\n" + PLUGIN.format(name="other"))["plugins"], "other"
    )
