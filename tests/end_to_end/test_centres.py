"""Two centres that get all lines of every edge: one is destroyed, and an empty machine replaces it."""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import count
from pathlib import Path

import attrs
import pytest

from logsrv.cli.main import main
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.daemons import LOOPBACK, Logger, Start
from tests.parts.nats_servers import newer, one_server, url_of
from tests.parts.ports import free_port
from tests.parts.programs import program
from tests.parts.store_reader import stored_bytes
from tests.parts.waits import join
from tests.parts.warm.process import LOGSRV

EDGES = "one", "two"
PAGE = (Path(__file__).parents[2] / "docs/shipping.md").read_text()
# `logsrv` that is killed as soon as it has begun so many changes of the disk, the last one half done.
KILLED = """
import os, signal, sys
from logsrv.cli.main import main
from logsrv.linelog.store.disk import Disk

left = int(sys.argv[1])

def counted(name):
    real = getattr(Disk, name)
    def change(self, *words, **more):
        global left
        left -= 1
        if left == 0:
            if name == "write":
                real(self, words[0], words[1][: len(words[1]) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, *words, **more)
    setattr(Disk, name, change)

for one in "create", "create_anew", "write", "fdatasync", "sync_directory", "link_from", "rename", "unlink":
    counted(one)
sys.exit(main(sys.argv[2:]))
"""


def steps_of_the_page() -> list[str]:
    """Return the commands by which the page replaces a centre, before it starts the new one."""
    section = PAGE.partition("### Replace it\n")[2].partition("\n### ")[0]
    commands: list[str] = re.findall(r"^\$ (.+)$", section, re.MULTILINE)
    backup, carry, restore, identity, start, *_ = commands
    assert start.startswith("twistd ")
    return [backup, carry, restore, identity]


def ended(process: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    """Wait for the end of a command; return its status and what it wrote to stderr."""
    _, said = process.communicate(timeout=PATIENCE)
    return process.returncode, said


class Load(threading.Thread):
    """A thread that sends lines to an edge until `enough` is set."""

    def __init__(self, edge: Logger, name: str, pace: float) -> None:
        super().__init__()
        self._edge, self._name, self._pace = edge, name, pace
        self._chance = random.Random(name)
        self.enough = threading.Event()

    def run(self) -> None:
        number = 0
        with socket.create_connection(("127.0.0.1", self._edge.port()), PATIENCE) as connection:
            while not self.enough.is_set():
                lines = [
                    b"<%s %d> %s\n"
                    % (
                        self._name.encode(),
                        number + each,
                        self._chance.randbytes(40).hex().encode(),
                    )
                    for each in range(200)
                ]
                number += len(lines)
                connection.sendall(b"".join(lines))
                self.enough.wait(self._pace)


@attrs.frozen
class Centres:
    """Two centres, and edges that ship to both of them."""

    home: Path
    start: Start
    edges: list[Logger]
    servers: dict[str, Logger] = attrs.Factory(dict)
    ports: dict[str, int] = attrs.Factory(dict)

    def centre(self, name: str, *options: str) -> Logger:
        """Start a centre, always on the same port."""
        (self.home / name).mkdir(exist_ok=True)
        port = self.ports.setdefault(name, free_port())
        server = self.start(
            *("--input-token-file", str(self.home / "edge.token")),
            *("--rotate-size", "200KiB", *options),
            listen=[f"blocks:tcp:{port}:interface=127.0.0.1", LOOPBACK],
            directory=self.home / name,
        )
        self.servers[name] = server
        return server

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}/blocks"

    def begin(self, command: str, kill: int = 0) -> subprocess.Popen[bytes]:
        """Begin a command of the page, in which `a` and `b` are stores; see `KILLED` for `kill`."""
        stores = {name: str(Path(name) / "store") for name in ("a", "b")}
        program, *words = (stores.get(word, word) for word in command.split())
        begin = [program, "--bwlimit=500"] if program == "rsync" else [*LOGSRV]
        if kill:
            begin = [sys.executable, "-c", KILLED, str(kill)]
        return subprocess.Popen(
            [*begin, *words],
            cwd=self.home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            process_group=0,
        )

    def type(self, command: str) -> None:
        """Type a command of the page, which succeeds."""
        assert ended(self.begin(command)) == (0, b""), command

    @contextmanager
    def loaded(self, pace: float = 0.05) -> Iterator[None]:
        loads = [Load(edge, name, pace) for edge, name in zip(self.edges, EDGES, strict=True)]
        for load in loads:
            load.start()
        try:
            yield
        finally:
            for load in loads:
                load.enough.set()
                join(load)

    def level(self, *centres: Logger) -> None:
        """Wait until centres have all lines of both edges, compared byte by byte."""
        for centre in centres:
            centre.wait_until(
                partial(self._is_level, centre),
                "all of both edges, in its order, each once",
                2 * PATIENCE,
            )

    def _is_level(self, centre: Logger) -> bool:
        return all(
            lines_of(name, centre) == stored_bytes(edge.store)
            for edge, name in zip(self.edges, EDGES, strict=True)
        )


def lines_of(name: str, server: Logger) -> bytes:
    """Return the lines of an edge in a store."""
    mark = b" <%s " % name.encode()
    # An expression that finds them took a second of CPU for each look at all lines.
    every = stored_bytes(server.store).splitlines(keepends=True)
    return b"".join(line for line in every if mark in line)


@pytest.fixture
def centres(logger: Start, tmp_path: Path) -> Centres:
    (tmp_path / "edge.token").write_text("sends")
    made = Centres(tmp_path, logger, [])
    for name in "a", "b":
        made.centre(name)
    for name in EDGES:
        (tmp_path / name).mkdir()
        config = tmp_path / name / "logsrv.toml"
        config.write_text(
            "".join(
                f'[[ship]]\nname = "{centre}"\nship = "{made.url(centre)}"\n'
                f'ship-token-file = "{tmp_path}/edge.token"\n'
                for centre in ("a", "b")
            )
        )
        made.edges.append(
            logger("--config", str(config), "--rotate-size", "100KiB", directory=tmp_path / name)
        )
    return made


def destroy(server: Logger) -> None:
    """Kill a centre and remove its store."""
    server.process.kill()
    server.process.wait(PATIENCE)
    shutil.rmtree(server.store)


def at_least(server: Logger, size: int) -> None:
    """Wait until a server has `size` bytes of lines, half of them of each edge."""
    server.wait_until(
        lambda: all(len(lines_of(name, server)) >= size // 2 for name in EDGES), "some of it"
    )


@pytest.mark.slow
@pytest.mark.complains("had acknowledged")
def test_an_empty_machine_replaces_a_destroyed_centre_with_all_lines(centres):
    """Edges keep sending meanwhile; lines that only the other centre received are restored too."""
    program("rsync", "rsync")
    first, second = centres.servers["a"], centres.servers["b"]
    with centres.loaded():
        at_least(first, 200_000)
        second.send(b"taken in by b itself\n", 1)
        destroy(first)
        at_least(second, 400_000)
        for command in steps_of_the_page():
            centres.type(command)
        again = centres.centre("a")
        at_least(again, 600_000)
    centres.level(again, second)
    assert again.messages().count(b"taken in by b itself") == 1
    identities = {(one.store / "store").read_bytes()[:44] for one in (again, second)}
    assert len(identities) == 2
    assert "brings the first block" not in again.log()


@pytest.mark.slow
def test_of_a_store_and_copy_one_ships_and_other_is_refused(logger, tmp_path):
    """The copy was made of a running store, and is the first to get new lines."""
    (tmp_path / "token").write_text("geheim")
    (tmp_path / "centre").mkdir()
    listen = ["blocks:tcp:0:interface=127.0.0.1"]
    centre = logger("--input-token", "geheim", listen=listen, directory=tmp_path / "centre")
    url = f"http://127.0.0.1:{centre.port()}/blocks"
    words = ("--ship", url, "--ship-token-file", str(tmp_path / "token"))
    edge = logger(*words)
    edge.send(b"before\n")
    centre.wait_until(lambda: b"before" in stored_bytes(centre.store), "the first line")
    # Without temporary files, which may be renamed before they are copied.
    unfinished = shutil.ignore_patterns("*.tmp")
    shutil.copytree(edge.store, tmp_path / "copy" / "store", ignore=unfinished)
    copy = logger(*words, directory=tmp_path / "copy")
    copy.send(b"of the copy\n")
    centre.wait_until(lambda: b"of the copy" in stored_bytes(centre.store), "the copy's line")
    edge.send(b"behind\n")
    edge.wait_until(lambda: "this store was restored or copied" in edge.log(), "the sentence")
    assert b"behind" not in stored_bytes(centre.store)


@pytest.mark.slow
def test_a_centre_that_fetches_from_a_stream_is_moved_to_another_machine(logger, tmp_path):
    """As the page says, the old centre is stopped, and the new one continues from its position."""
    for name in "edge", "old", "new":
        (tmp_path / name).mkdir()
    with one_server(newer(), tmp_path) as server:
        stream = f"nats:{url_of([server]).removeprefix('nats://')}"
        edge = logger("--ship", url_of([server]), directory=tmp_path / "edge")
        old = logger(listen=[stream], directory=tmp_path / "old")
        edge.send(b"".join(b"line %d\n" % number for number in range(1000)))
        old.wait_until(lambda: len(old.messages()) == 1000, "the lines")
        old.stop()
        edge.send(b"".join(b"line %d\n" % number for number in range(1000, 2000)))
        assert main(["backup", str(old.store), str(tmp_path / "carried")]) == 0
        words = ["--from", str(tmp_path / "carried"), str(tmp_path / "new" / "store")]
        assert main(["restore", *words]) == 0
        moved = logger(listen=[stream], directory=tmp_path / "new")
        moved.wait_until(lambda: len(moved.messages()) >= 2000, "the rest")
        assert stored_bytes(moved.store) == stored_bytes(edge.store)
        assert moved.messages() == [b"line %d" % number for number in range(2000)]
        assert "brings the first block" not in moved.log()


def give_until_it_ends(centres: Centres, command: str) -> int:
    """Give a command again and again, each time killed a little later; return the number of kills."""
    for kills in count():
        status, said = ended(centres.begin(command, kill=2**kills))
        if status == 0:
            return kills
        assert status == -signal.SIGKILL, said
    raise AssertionError


def carry_in_pieces(centres: Centres, command: str, restore: str) -> None:
    """Carry a backup, killed three times. Nothing is restored before all of it is there."""
    _, _, source, target = command.split()
    # Slow enough that it is not done before it is killed.
    slowly = command.replace("rsync ", "rsync --bwlimit=10M ")
    for part in (0.1, 0.5, 0.9):
        goal = part * size_on_disk(centres.home / source)
        carrying = centres.begin(slowly)
        wait_until(lambda: size_on_disk(centres.home / target) >= goal, "a part")  # noqa: B023
        os.killpg(carrying.pid, signal.SIGKILL)
        ended(carrying)
        status, said = ended(centres.begin(restore))
        assert status == 1 and not (centres.home / "a" / "store").exists(), said
    centres.type(command)


def size_on_disk(directory: Path) -> int:
    """Return the bytes of all files in a directory, of unfinished ones too."""
    found = 0
    for path in directory.rglob("*"):
        with suppress(FileNotFoundError):
            found += path.stat().st_size
    return found


@pytest.mark.long
@pytest.mark.nightly
@pytest.mark.complains("had acknowledged")
def test_nothing_is_missing_or_twice_whichever_step_is_killed(centres):
    """Each step is killed several times, and each centre once; lines arrive all the time."""
    program("rsync", "rsync")
    first, second = centres.servers["a"], centres.servers["b"]
    backup, carry, restore, identity = steps_of_the_page()
    with centres.loaded():
        at_least(second, 1_500_000)
        destroy(first)
        assert give_until_it_ends(centres, backup) > 3
        second.process.kill()
        second.process.wait(PATIENCE)
        second = centres.centre("b")
        carry_in_pieces(centres, carry, restore)
        assert give_until_it_ends(centres, restore) > 3
        assert give_until_it_ends(centres, identity) > 1
        again = centres.centre("a")
        at_least(again, 2_000_000)
        again.process.kill()
        again.process.wait(PATIENCE)
        again = centres.centre("a")
    centres.level(again, second)
