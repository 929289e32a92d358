"""A target of another package, as docs/shipping.md shows it, at real daemons: found, checked, left out."""

import json
from pathlib import Path

import pytest

from logsrv.kit.testing import wait_until
from tests.parts.commands import logsrv
from tests.parts.story import blocks

PAGE = (Path(__file__).parents[2] / "docs/shipping.md").read_text()
LOOPBACK = "tcp:0:interface=127.0.0.1"


@pytest.fixture
def edge(tmp_path: Path) -> Path:
    """A folder with the plugin of the page and its work; a daemon there finds them."""
    folder = tmp_path / "edge"
    for block in blocks(PAGE.partition("## A target of your own")[2].partition("\n## ")[0]):
        file = folder / block.argument
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.body)
    return folder


def states(edge: Path) -> dict[str, dict[str, object]]:
    """The targets by their names, as `logsrv ship --status` tells them."""
    shown = logsrv(
        *("ship", "--status", str(edge / "store"), "--json"), environment={"PYTHONPATH": str(edge)}
    )
    return {one["name"]: one for one in json.loads(shown.stdout)}


def test_lines_arrive_at_a_target_of_another_package(logger, edge):
    """twistd finds the plugin in its folder, and so does the process that sends."""
    far = logger()
    url = f"plain://127.0.0.1:{far.port()}?prefix=sent%3A"
    server = logger("--ship", url, directory=edge)
    server.send(b"one\ntwo\n")
    assert all(
        one.startswith(b"sent:") and one.endswith((b" one", b" two"))
        for one in far.wait_for_messages(2)
    )
    name = f"plain-127-0-0-1-{far.port()}"
    wait_until(lambda: states(edge)[name]["up"] is True, "the target is up")
    assert states(edge)[name]["target"] == f"plain://127.0.0.1:{far.port()}"
    server.wait_for_log("no acknowledgement: the kernel there has it")


@pytest.mark.slow
def test_a_check_knows_a_target_of_another_package(edge):
    def told(url: str) -> str:
        where = ("--directory", str(edge / "store"), "--listen", LOOPBACK)
        shown = logsrv(*("check", *where, "--ship", url), environment={"PYTHONPATH": str(edge)})
        return shown.stdout.decode()

    assert "is at far:7000" in told("plain://far")
    wrong = told("plain://far?prefx=x")
    assert "after its ? only prefix may stand, not prefx" in wrong
    (edge / "twisted/plugins/plain_plugin.py").write_text("import nothing_there")
    assert "is left out: no plugin that can be loaded has its scheme" in told("plain://far")


@pytest.mark.slow
@pytest.mark.complains("nothing_there", "Unhandled Error")
def test_a_broken_plugin_costs_its_target_and_no_other(logger, edge):
    (edge / "twisted/plugins/plain_plugin.py").write_text("import nothing_there")
    far = logger(listen=["relp:tcp:0:interface=127.0.0.1"])
    server = logger(
        *("--ship", "plain://far:7000", "--ship", f"relp://127.0.0.1:{far.port()}"), directory=edge
    )
    server.send(b"one\n")
    far.wait_for_messages(1)
    server.wait_for_log(
        "plain-far-7000: it is left out, as a plugin cannot be loaded; .*nothing_there"
    )
    assert states(edge)["plain-far-7000"]["wanted"] is True


@pytest.mark.slow
@pytest.mark.complains("plain_target cannot be imported")
def test_a_target_whose_class_cannot_be_imported_says_so_and_others_ship_on(logger, edge):
    (edge / "plain_target.py").write_text("import nothing_there")
    far = logger(listen=["relp:tcp:0:interface=127.0.0.1"])
    server = logger(
        *("--ship", "plain://far:7000", "--ship", f"relp://127.0.0.1:{far.port()}"), directory=edge
    )
    server.send(b"one\n")
    far.wait_for_messages(1)
    server.wait_for_log("plain_target cannot be imported: ModuleNotFoundError")
    wait_until(lambda: "nothing_there" in str(states(edge)["plain-far-7000"]["error"]), "the state")
