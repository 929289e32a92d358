"""The user's own programs get links and files after a question only, and never as an option."""

import asyncio
import gc
from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.gopher.browse.programs import (
    file_command,
    link_command,
    run_external_program,
)
from logsrv.kit.testing import wait_until
from tests.gopher.browse.conftest import opener
from tests.gopher.conftest import until

pytestmark = pytest.mark.slow

ADDRESS = "https://example.org/?a=$(id)&b='; rm"


def program(directory: Path, name: str, script: str = "exit 0") -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_browser_comes_first_and_may_place_the_address(tmp_path):
    mine, usual = program(tmp_path, "mine"), program(tmp_path, "xdg-open")
    environ = {"PATH": str(tmp_path), "BROWSER": "missing:mine --new %s --last"}
    assert link_command(ADDRESS, environ) == [str(mine), "--new", ADDRESS, "--last"]
    assert link_command(ADDRESS, {"PATH": str(tmp_path)}) == [str(usual), ADDRESS]


def test_nothing_to_open_it_with_is_a_sentence(tmp_path):
    with pytest.raises(ConfigurationError, match="set BROWSER"):
        link_command(ADDRESS, {"PATH": str(tmp_path)})


def test_an_address_like_an_option_is_refused(tmp_path):
    program(tmp_path, "xdg-open")
    with pytest.raises(ConfigurationError, match="an option"):
        link_command("--help", {"PATH": str(tmp_path)})


def test_the_program_gets_the_address_as_it_is(tmp_path):
    """No shell sees it."""
    environ = {"PATH": f"{tmp_path}:/bin:/usr/bin"}
    program(tmp_path, "xdg-open", f'printf "%s|" "$@" > {tmp_path}/got; exit 3')
    assert asyncio.run(run_external_program(link_command(ADDRESS, environ), environ)) == 3
    assert (tmp_path / "got").read_text() == ADDRESS + "|"


async def test_a_program_outlives_the_browser(tmp_path):
    """Who quits looks on at what was opened."""
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    waits = f"touch {begun}; while [ ! -e {tmp_path}/go-on ]; do sleep 0.01; done; touch {ended}"
    program(tmp_path, "xdg-open", waits)

    environ = {"PATH": "/bin:/usr/bin"}
    going = asyncio.create_task(
        run_external_program([str(tmp_path / "xdg-open"), ADDRESS], environ)
    )
    await until(begun.exists, "the program")
    assert not going.done()
    gc.collect()
    (tmp_path / "go-on").touch()
    wait_until(ended.exists, "its end")


def test_a_program_that_cannot_be_started_is_a_sentence(tmp_path):
    program(tmp_path, "xdg-open").write_text("#!/nowhere/at/all\n")
    with pytest.raises(ConfigurationError, match="cannot be started"):
        asyncio.run(
            run_external_program([str(tmp_path / "xdg-open"), ADDRESS], {"PATH": str(tmp_path)})
        )


def test_a_file_is_opened_unless_that_would_run_it(tmp_path):
    environ = {"PATH": str(tmp_path)}
    with pytest.raises(ConfigurationError, match="was not found"):
        file_command(Path("/d/a.pdf"), environ)
    usual = program(tmp_path, "xdg-open")
    assert file_command(Path("/d/-a.pdf"), environ) == [str(usual), "/d/-a.pdf"]
    with pytest.raises(ConfigurationError, match="is a program"):
        file_command(Path("/d/a.DESKTOP"), environ)


async def test_a_link_to_the_web_is_opened_after_a_question_only(drive, server, environ):
    got = opener(environ)

    async with drive(server.url()) as driven:
        await driven.point_at("Web")
        await driven.press("enter")
        await driven.shows("https://web.example/?q=1", "Open this with")
        await driven.press("n", "enter")
        assert not got.exists()
        await driven.shows("Open this with")
        await driven.press("y")
        await until(got.exists, "the program")
    assert got.read_text() == "https://web.example/?q=1"


async def test_without_a_program_the_address_is_told(drive, server):
    async with drive(server.url()) as driven:
        await driven.point_at("Web")
        await driven.press("enter")
        await driven.shows("https://web.example/?q=1: no program to open it with")
