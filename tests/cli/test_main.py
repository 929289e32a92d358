"""The command `logsrv` itself: help, mistakes, exit status."""

import os
import resource
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv import __version__
from logsrv.cli import main as module
from logsrv.cli.command import COMMANDS
from logsrv.kit.testing import TWISTD, wait_until
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.frames import compressor
from logsrv.linelog.store.notes.archive_notes import save_archive_url
from tests.parts.commands import LOGSRV, logsrv
from tests.parts.stores import line, make_store


def test_help_lists_every_command():
    shown = logsrv("--help")
    assert shown.returncode == 0
    for name, command in COMMANDS.ours().items():
        assert f"{name} " in shown.stdout.decode()
        assert command.purpose in shown.stdout.decode()


def test_version_is_printed():
    assert logsrv("--version").stdout == f"logsrv {__version__}\n".encode()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["conect"], "logsrv: conect is no command (did you mean connect?)"),
        (["PLUGIN"], "logsrv: PLUGIN is no command (did you mean plugins?)"),
        (["--hlp"], "logsrv: --hlp is no option (did you mean --help?)"),
        (["\x1b[31m"], "logsrv: \\x1b[31m is no command;"),
        (["search", "--cuont"], "logsrv search: --cuont is no option (did you mean --count?)"),
        (["connect"], "logsrv connect: the following arguments are required: ENDPOINT"),
        (["connect", "x:1", "7000"], "logsrv connect: 7000 is one argument too many"),
        (["connect", "localhost:soon"], "soon is no port and no tcp service known here"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(words, sentence):
    """On stderr, with status 2."""
    shown = logsrv(*words)
    assert shown.returncode == 2
    assert sentence in shown.stderr.decode()
    assert shown.stderr.count(b"\n") == 1
    assert shown.stdout == b""


def test_without_a_command_the_help_is_shown():
    shown = logsrv()
    assert shown.returncode == 2
    assert b"logsrv COMMAND" in shown.stdout


GOPHER = (sys.executable, "-P", "-m", "logsrv.gopher.command.main")


@pytest.mark.parametrize(("name", "status"), [("restore", 1), ("search", 2)])
def test_a_command_that_needs_too_much_memory_is_one_sentence(name, status, capsys, monkeypatch):
    def run(_: object) -> int:
        raise MemoryError

    words = ["restore", "--from", "x", "y"] if name == "restore" else ["search", "x"]
    monkeypatch.setattr(f"{COMMANDS.ours()[name].module}.run", run)
    assert module.main(words) == status
    said = f"logsrv {name}: this needs more memory than it may have\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    ("words", "limited"),
    [
        (["restore", "--from", "s3://x/y", "z"], True),
        (["restore", "--from", "file:///x", "z"], True),
        (["search", "--directory", "file:///x", "y"], True),
        (["search", "--directory", "x", "https://y"], False),
    ],
)
def test_commands_that_read_an_archive_may_take_little_memory(words, limited, monkeypatch):
    limits = []

    def run(_: object) -> int:
        limits.append(resource.getrlimit(resource.RLIMIT_DATA)[0])
        return 0

    monkeypatch.setattr(f"{COMMANDS.ours()[words[0]].module}.run", run)
    before = resource.getrlimit(resource.RLIMIT_DATA)[0]
    assert module.main(words) == 0
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] == before
    assert (limits != [before]) == (limited and sys.platform == "linux")


@pytest.mark.parametrize(
    ("url", "watched"), [("s3://bucket/archive", True), ("file:///x", False), (None, False)]
)
def test_a_search_of_a_store_whose_texts_are_in_a_bucket_is_watched(
    url, watched, tmp_path, monkeypatch
):
    """It may take little memory then, too: it had no limit."""
    (tmp_path / "ship").mkdir()
    if url is not None:
        with Disk().open_directory(str(tmp_path / "ship")) as disk:
            save_archive_url(disk, "cold", url)
    before = resource.getrlimit(resource.RLIMIT_DATA)[0]
    seen: list[tuple[str, int]] = []
    limits = []

    def run(_: object) -> int:
        limits.append(resource.getrlimit(resource.RLIMIT_DATA)[0])
        return 0

    monkeypatch.setattr("logsrv.linelog.commands.search_command.run", run)
    words = ["search", "--directory", str(tmp_path), "x"]
    assert module.main(words, lambda name, failed: seen.append((name, failed))) == 0
    assert seen == [("search", 2)] * watched
    assert (limits != [before]) == (watched and sys.platform == "linux")


@pytest.mark.slow
def test_a_catalog_of_a_few_bytes_takes_little_memory_of_a_search(tmp_path):
    """The whole search has less than the 250 MiB that the catalog becomes."""
    folder = tmp_path / ("ab" * 16) / "catalog" / "0000000000"
    folder.mkdir(parents=True)
    data = b'{"format":1,"segments":[' + b"[]," * (250 << 20 >> 2) + b"[]]}\n"
    (folder / "0000000001-0001.zst").write_bytes(compressor().compress(data))
    few = f"import resource; resource.setrlimit(resource.RLIMIT_DATA, ({200 << 20}, {200 << 20}))"
    command = ["search", "--directory", f"file://{tmp_path}", "x"]
    script = f"{few}\nfrom logsrv.cli.main import main; raise SystemExit(main({command!r}))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 2
    assert "is not what was archived" in done.stderr and "memory" not in done.stderr


NIGHTLY = (pytest.mark.long, pytest.mark.nightly)
# The first of each way to print something; the others print it in the same way.
PRINTING = [
    *([*LOGSRV, *words] for words in (["--help"], ["--version"], ["search", "--help"])),
    *([*GOPHER, *words, "--help"] for words in ([], ["mirror"])),
    *([*TWISTD, "logsrv", word] for word in ("--help", "--version")),
    [sys.executable, "-m", "twisted", "greet", "--help"],
]
OTHERS = [
    *([*LOGSRV, command, "--help"] for command in COMMANDS.ours() if command != "search"),
    *([*GOPHER, word, "--help"] for word in ("follow", "serve")),
    *([*TWISTD, plugin, "--help"] for plugin in ("greet", "gopher", "gopherd")),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "command",
    [*PRINTING, *(pytest.param(command, marks=NIGHTLY) for command in OTHERS)],
    ids=lambda command: " ".join(command[-2:]),
)
def test_a_closed_pipe_is_no_error(command):
    """`… | head` shows no traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=PATIENCE)
    os.close(writer)
    assert process.stderr == b""


@pytest.mark.parametrize(("words", "status"), [(["--help"], 1), (["search"], 2), (["tail"], 2)])
def test_a_full_disk_is_a_failed_search(tmp_path, words, status):
    """Status 1 of a search would say that there is nothing to be found."""
    store = make_store(tmp_path / "logs", [[line("x")]])
    with open("/dev/full", "wb") as full:
        process = subprocess.run(
            [*LOGSRV, *words],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "LOGSRV_DIRECTORY": str(store)},
            timeout=PATIENCE,
        )
    assert process.stderr == b"logsrv: No space left on device\n"
    assert process.returncode == status


def test_a_closed_standard_output_is_reported():
    shell = ["sh", "-c", 'exec "$@" >&-', "sh"]
    process = subprocess.run([*shell, *LOGSRV, "search"], stderr=subprocess.PIPE, timeout=PATIENCE)
    assert process.stderr == b"logsrv: standard output is closed\n"
    assert process.returncode == 2


@pytest.mark.parametrize("words", [("search", ""), ("tail", "-n", "5000")])
def test_who_is_stopped_while_it_writes_leaves_nothing_out(tmp_path, words):
    """By Ctrl-Z, or with its container; also where Python is told not to buffer."""
    store = make_store(tmp_path / "store", [[line("x" * 500, number) for number in range(5000)]])
    command = [*LOGSRV, words[0], "--directory", str(store), *words[1:]]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        select.select([process.stdout], [], [], PATIENCE)
        # It has written a part of what it has, and waits until somebody reads.
        wait_until(lambda: state_of(process.pid) == "S", "a full pipe")
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: state_of(process.pid) == "T", "its stop")
        process.send_signal(signal.SIGCONT)
        assert process.stdout.read().count(b"\n") == 5000
    assert process.returncode == 0


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
