"""What is found among installed packages."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.commands import LOGSRV
from tests.parts.plugin_files import COMMAND, INPUT, PLUGIN

pytestmark = pytest.mark.slow


def found(site: Path, **files: str) -> dict[str, Any]:
    """What `logsrv plugins --json` says with these files in a folder for packages."""
    folder = site / "twisted" / "plugins"
    folder.mkdir(parents=True)
    for name, code in files.items():
        (folder / f"{name}.py").write_text(code)
    run = subprocess.run(
        [*LOGSRV, "plugins", "--json"],
        capture_output=True,
        env={"PYTHONPATH": str(site)},
        timeout=PATIENCE,
    )
    assert run.stderr in (b"", b"printed\n"), run.stderr
    result: dict[str, Any] = json.loads(run.stdout)
    return result


def named(plugins: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [plugin for plugin in plugins if plugin["name"] == name]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


def test_our_own_plugins_are_listed_with_version_and_package(site):
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


def test_plugins_and_inputs_of_strangers_are_listed(site):
    """What their files print does not get into the JSON."""
    other = "print('printed')\n" + PLUGIN.format(name="other")
    result = found(site, other=other, records=INPUT)
    (plugin,) = named(result["plugins"], "other")
    assert plugin["listens"] == ["udp:7009"]
    assert plugin["description"] == "does nothing"
    assert plugin["where"] == str(site / "twisted" / "plugins" / "other.py")
    assert plugin["package"] == ""
    (plugin,) = named(result["inputs"], "records")
    assert plugin["description"] == "Records of some kind."
    assert plugin["taken"]


def test_commands_are_listed_and_a_stranger_with_a_name_of_ours_is_not_taken(site):
    result = found(site, stars=COMMAND)
    (stars,) = named(result["commands"], "stars")
    assert stars["where"] == str(site / "twisted" / "plugins" / "stars.py") and stars["taken"]
    assert stars["description"] == "count the stars of a store"
    taken = {one["package"]: one["taken"] for one in named(result["commands"], "search")}
    assert taken == {"logsrv": True, "": False}


def test_the_package_is_known_by_its_files(site):
    """As pip writes them down."""
    info = site / "shouting-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.2\n")
    (info / "RECORD").write_text("twisted/plugins/other.py,,\n")
    (plugin,) = named(found(site, other=PLUGIN.format(name="other"))["plugins"], "other")
    assert (plugin["package"], plugin["version"]) == ("shouting", "1.2")


def test_the_package_of_an_editable_install_is_known(site, tmp_path):
    info = site / "shouting-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.2\n")
    (info / "direct_url.json").write_text(json.dumps({"url": site.as_uri()}))
    (plugin,) = named(found(site, other=PLUGIN.format(name="other"))["plugins"], "other")
    assert plugin["package"] == "shouting"


def test_broken_files_harm_no_other(site):
    errors = {
        "divides": ("1 / 0", "ZeroDivisionError: division by zero"),
        "ends": ("raise SystemExit(3)", "SystemExit: 3"),
        "escapes": ("raise ValueError('\\x1b[2J')", "ValueError: \\x1b[2J"),
        "opens": ("x = (", "SyntaxError: '(' was never closed"),
    }
    codes = {name: code for name, (code, _) in errors.items()}
    result = found(site, other=PLUGIN.format(name="other"), **codes)
    broken = {Path(one["where"]).stem: one["error"] for one in result["broken"]}
    assert set(broken) == set(errors)
    for name, (_, error) in errors.items():
        assert broken[name].startswith(error)
    assert named(result["plugins"], "other")


def test_a_plugin_whose_code_is_missing_is_reported(site):
    code = (
        "from twisted.application.service import ServiceMaker\n"
        "late = ServiceMaker('late', 'no.such.module', '', 'late')\n"
    )
    (plugin,) = named(found(site, late=code)["plugins"], "late")
    assert "no.such.module" in plugin["error"]


def test_a_plugin_whose_code_cannot_be_imported_is_reported(site):
    """Whichever part of it: the sentence says where the mistake is."""
    codes = {}
    for role in ("protocol", "options", "datagrams", "state", "version"):
        places = {"protocol": "greets", role: f"late_{role}"}
        arguments = ", ".join(f"{key}='{package}.code:Thing'" for key, package in places.items())
        codes[role] = (
            f"from logsrv.kit import protocol_plugin\n{role} = protocol_plugin('{role}', {arguments})\n"
        )
        for package in places.values():
            (site / package).mkdir(parents=True, exist_ok=True)
            (site / package / "__init__.py").touch()
            wrong = "" if package == "greets" else "import nothing_there\n"
            (site / package / "code.py").write_text(f"{wrong}def Thing(connection): pass\n")
    plugins = found(site, **codes)["plugins"]
    for role in codes:
        (plugin,) = named(plugins, role)
        assert plugin["error"] == (
            f"late_{role}.code cannot be imported: ModuleNotFoundError: No module named 'nothing_there' "
            f"({site / f'late_{role}' / 'code.py'}:1)"
        )


def test_of_two_plugins_with_one_name_both_are_listed(site):
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
        [sys.executable, "-c", looking],
        capture_output=True,
        env={"PYTHONPATH": str(site)},
        timeout=PATIENCE,
    )
    assert [name for name, is_taken in taken.items() if is_taken] == [shown.stdout.decode().strip()]
