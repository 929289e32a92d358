"""A part of another package, as docs/inputs.md shows it, in real daemons: options, a site, figures."""

import re
import socket
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.commands import logsrv
from tests.parts.daemons import reload
from tests.parts.story import blocks
from tests.parts.warm.process import COLD
from tests.parts.web_clients import Client

PAGE = (Path(__file__).parents[2] / "docs/inputs.md").read_text()
LOOPBACK = "tcp:0:interface=127.0.0.1"
# Parts are found when the modules of the service are imported.
COLDLY = {COLD: "1"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the part of the page; a daemon there finds it."""
    made = tmp_path / "site"
    for block in blocks(PAGE.partition("## A part of your own")[2]):
        file = made / block.argument
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.body)
    return made


def told(folder: Path, *words: str) -> str:
    return logsrv(*words, environment={**COLDLY, "PYTHONPATH": str(folder)}).stdout.decode()


def answer_of(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as asking:
        return asking.makefile("rb").read()


def test_a_part_of_another_package_listens_answers_and_counts(logger, folder):
    """Its options are in the file as well, and a reload takes them."""
    config = folder / "c.toml"
    config.write_text("")
    server = logger("--config", str(config), directory=folder, environment=COLDLY)
    server.send(b"one\n")
    server.wait_for_messages(1)
    config.write_text(f'where = ["{LOOPBACK}"]\n')
    reload(server)
    _, port = server.ports()
    assert answer_of(port) == b"1:%d\n" % server.current.stat().st_size
    server.stop()
    assert re.search(r"where.asked\D*1", server.log())


@pytest.mark.slow
def test_a_part_of_another_package_answers_in_the_api_with_its_access_rules(logger, folder):
    server = logger("--http", LOOPBACK, "--http-token", "t", directory=folder, environment=COLDLY)
    server.send(b"one\n")
    server.wait_for_messages(1)
    client = Client(server.ports()[1])
    assert client.ask("/api/where").status == 401
    answer = client.ask("/api/where", headers={"Authorization": "Bearer t"})
    assert answer.json == {"end": f"1:{server.current.stat().st_size}"}


@pytest.mark.slow
def test_checks_and_lists_know_a_part_of_another_package(folder):
    store = ("--directory", str(folder / "store"), "--listen", LOOPBACK)
    assert "0 errors" in told(folder, "check", *store, "--where", LOOPBACK)
    assert re.search(r"^where .*where_part\.py$", told(folder, "plugins"), re.MULTILINE)


@pytest.mark.slow
@pytest.mark.complains("is left out")
@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("    keep_bytes = option((), ", "there is an option --keep-bytes already"),
        ("    where = nothing_there((), ", "NameError: name 'nothing_there' is not defined"),
    ],
)
def test_a_part_that_cannot_be_used_is_left_out_and_lines_are_kept(logger, folder, wrong, why):
    file = folder / "where.py"
    file.write_text(file.read_text().replace("    where = option((), ", wrong))
    server = logger(directory=folder, environment=COLDLY)
    server.send(b"one\n")
    server.wait_for_messages(1)
    server.wait_for_log(f"part where is left out; .*{re.escape(why)}")
    checked = told(folder, "check", "--directory", str(folder / "store"), "--listen", LOOPBACK)
    assert re.search(f"^error +part where +is left out: .*{re.escape(why)}", checked, re.MULTILINE)
