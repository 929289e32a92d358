"""`gopher follow`, `gopher new` and `gopher unfollow` as a user has them, against real servers too."""

import io
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from logsrv.gopher.command.main import run
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.command.answers import ATOM, checked_feed
from tests.parts import gopher_servers
from tests.parts.at_terminal import AtTerminal
from tests.parts.gopherhole import Phlog, item

GOPHER = (sys.executable, "-m", "logsrv.gopher.command.main")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "logsrv"


def gopher(*words: str) -> tuple[int, str, str]:
    out, err = io.BytesIO(), io.StringIO()
    status = run(words, out, err)
    return status, out.getvalue().decode(), err.getvalue()


def test_what_is_new_since_the_last_time(phlog):
    assert gopher("follow", phlog.url, "A", "phlog") == (0, "", "")
    assert gopher("follow") == (0, f"{phlog.url} A phlog\n", "")
    assert gopher("new") == (0, "", "")
    phlog.write("2025-11-19", "One")
    phlog.write("2025-11-20", "Two")
    one = f"2025-11-19 text One  <{phlog.server.url('/0/One')}>\n"
    two = f"2025-11-20 text Two  <{phlog.server.url('/0/Two')}>\n"
    assert gopher("new") == (0, two + one, "")
    # It stays so until it is read.
    assert gopher("new", "--offline", "--read") == (0, two + one, "")
    assert gopher("new") == (0, "", "")
    assert gopher("new", "--all", phlog.url)[1].count("\n") == 3
    assert gopher("unfollow", phlog.url) == (0, "", "")
    assert gopher("follow") == (0, "", "")


def test_what_nobody_has_got_is_not_read(phlog):
    class Closed(io.BytesIO):
        def flush(self) -> None:
            raise BrokenPipeError

    gopher("follow", phlog.url)
    phlog.write("2025-11-20", "One")
    assert run(["new", "--read"], Closed(), io.StringIO()) == 141
    assert "One" in gopher("new")[1]


def test_offline_asks_nobody(phlog):
    gopher("follow", phlog.url)
    gopher("new", "--offline", "--json")
    assert len(phlog.server.requests) == 1


def test_news_are_printed_as_json_and_as_a_valid_atom_feed(phlog):
    gopher("follow", phlog.url, "A phlog")
    phlog.write("2025-11-20", "One")
    whole = json.loads(gopher("new", "--json")[1])
    assert [(each["title"], each["new"]) for each in whole["items"]] == [("2025-11-20 One", True)]
    status, text, _ = gopher("new", "--atom", "--offline")
    feed = checked_feed(text)
    assert (status, len(feed.findall(f"{ATOM}entry"))) == (0, 2)
    assert str(feed.findtext(f"{ATOM}id")).startswith("urn:uuid:")
    # Reading changes nothing for those who take the feed.
    gopher("new", "--read")
    assert gopher("new", "--atom")[1] == text
    one = checked_feed(gopher("new", "--atom", phlog.url)[1])
    assert (one.findtext(f"{ATOM}id"), one.findtext(f"{ATOM}title")) == (phlog.url, "A phlog")


def test_one_that_fails_is_said_and_the_others_are_shown(phlog, serve):
    other = Phlog(serve)
    gopher("follow", phlog.url, "A phlog")
    gopher("follow", other.url, "Other")
    phlog.write("2025-11-20", "One")
    other.broken = True
    status, shown, said = gopher("new", "--read")
    assert (status, shown.count("\n")) == (12, 1)
    assert said == "gopher: Other: the server answers with an error: down for today\n"
    other.broken = False
    assert gopher("new") == (0, "", "")


def test_what_cannot_be_followed(phlog, serve):
    assert "only menus and texts can be followed" in gopher("follow", phlog.server.url("/9/x"))[2]
    phlog.broken = True
    assert gopher("follow", phlog.url)[0] == 3
    assert gopher("follow") == (0, "", "")
    assert gopher("follow", serve(item("0", "x", "/x") * 20_001).url())[0] == 8
    phlog.broken = False
    gopher("follow", phlog.url)
    assert gopher("follow", phlog.url) == (1, "", f"gopher: {phlog.url} is followed already\n")


def test_what_is_not_followed(phlog):
    assert gopher("new") == (
        1,
        "",
        "gopher: no menu is followed yet: gopher follow URL follows one\n",
    )
    assert "is not followed" in gopher("unfollow", phlog.url)[2]
    gopher("follow", phlog.url)
    assert "is not followed" in gopher("new", "gopher://other/")[2]


def test_forms_of_output_exclude_each_other(phlog):
    assert gopher("new", "--json", "--atom")[0] == 2
    assert gopher("new", "--atom", "--all")[0] == 2
    assert gopher("new", "--help")[1].startswith("usage: gopher new")
    assert gopher("follow", "--help")[1].startswith("usage: gopher follow")
    assert gopher("unfollow")[0] == 2


@pytest.mark.slow
def test_a_flood_is_counted(phlog):
    gopher("follow", phlog.url, "A phlog")
    phlog.items = [item("0", f"{number}\x1b[2J", f"/{number}") for number in range(3000)]
    shown = gopher("new", "--read")[1]
    assert shown.count("\n") == 501 and "\x1b" not in shown
    assert shown.endswith(f"and 2500 more in A phlog  <{phlog.url}>\n")
    assert gopher("new")[1] == ""


def test_it_is_the_command_as_installed(phlog, home):
    """In a process of its own, as cron has it; and plain fetching loads nothing of it."""
    assert (
        subprocess.run([*GOPHER, "follow", phlog.url], check=True, timeout=PATIENCE).returncode == 0
    )
    phlog.write("2025-11-20", "One")
    done = subprocess.run([*GOPHER, "new"], check=True, capture_output=True, timeout=PATIENCE)
    assert b"2025-11-20 text One" in done.stdout and done.stderr == b""
    code = "import sys, logsrv.gopher.command.main; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, timeout=PATIENCE
    ).stdout
    assert b"logsrv.gopher.follow" not in loaded and b"asyncio" not in loaded


@pytest.mark.slow
def test_a_person_at_a_terminal_is_told_where_a_script_is_not(phlog, home):
    environment = {"XDG_DATA_HOME": str(home.parent)}

    def typed(*words: str) -> str:
        with AtTerminal(*GOPHER, *words, environment=environment) as terminal:
            assert terminal.wait() == 0
            return terminal.text()

    followed = "gopher: A phlog is followed; what it has now, 1 item, counts as read"
    assert typed("follow", phlog.url, "A", "phlog").strip() == followed
    assert typed("new").strip() == "gopher: nothing is new"
    assert gopher("new") == (0, "", "")
    phlog.write("2025-11-20", "One")
    assert typed("new").startswith("2025-11-20 text One")


@contextmanager
def our_server(tree: Path) -> Iterator[int]:
    with (tree / "log").open("wb") as log:
        process = subprocess.Popen(
            [*GOPHER, "serve", str(tree), "--listen", "tcp:0:interface=127.0.0.1"],
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: "is ready" in (tree / "log").read_text(), "the server to be ready")
        found = re.search(r"127\.0\.0\.1:(\d+)", (tree / "log").read_text())
        assert found is not None
        yield int(found[1])
    finally:
        process.kill()
        process.wait(PATIENCE)


@pytest.mark.slow
@pytest.mark.parametrize(
    "server", [our_server, gopher_servers.gophernicus, gopher_servers.pygopherd]
)
def test_a_phlog_on_a_real_server(server):
    """A directory into which somebody writes a text; then one is changed, renamed, and comes back."""
    with gopher_servers.served_tree() as tree, server(tree) as port:
        url = f"127.0.0.1:{port}/1/sub"
        assert gopher("follow", url) == (0, "", "")
        assert gopher("new") == (0, "", "")
        (tree / "sub" / "2025-11-20-trains.txt").write_text("They are late.\n")
        (tree / "sub" / "2025-11-20-trains.txt").chmod(0o644)
        status, shown, said = gopher("new", "--json", "--read")
        (found,) = json.loads(shown)["items"]
        assert (status, found["date"] is not None, said) == (0, True, "")
        assert gopher(found["url"])[1] == "They are late.\n"
        (tree / "sub" / "deep.txt").write_text("Changed.\n")
        deep = (tree / "sub" / "deep.txt").rename(tree / "deep.txt")
        assert gopher("new") == (0, "", "")
        deep.rename(tree / "sub" / "deep.txt")
        assert gopher("new") == (0, "", "")
        # A text of dated lines.
        log = tree / "log.txt"
        log.write_text("2025-11-19 One\n")
        log.chmod(0o644)
        assert gopher("follow", f"127.0.0.1:{port}/0/log.txt")[0] == 0
        log.write_text("2025-11-20 Two\n2025-11-19 One\n")
        assert [each["title"] for each in json.loads(gopher("new", "--json")[1])["items"]] == [
            "2025-11-20 Two"
        ]


def test_what_is_on_this_machine_cannot_be_followed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "phlog.invalid").mkdir()
    assert gopher("follow", "phlog.invalid/") == (
        1,
        "",
        "gopher: phlog.invalid/ is on this machine; only items of servers can be followed\n",
    )
    assert gopher("follow", "other.invalid/")[0] == 4
