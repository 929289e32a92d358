"""Tries an installation by pip: every command, and a line from a sender to a search.

    python installed.py [--kit] BIN

With --kit, `logsrv-kit` is installed alone. BIN is the folder with `twistd`, `logsrv` and `gopher`.
Prints a line for each successful check, and ends
with status 1 at the first failure. Needs only Python, which may be another one than BIN's.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

PLUGINS = ("logsrv", "greet", "gopher", "gopherd")
OF_KIT = ("check", "connect", "new", "plugins", "run")
# Seconds; enough for a busy machine that compiles all modules for the first time.
PATIENCE = 60.0


def run(*command: str | Path) -> str:
    """Return a command's standard output. Raises SystemExit with all its output if its status is not 0."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode:
        raise SystemExit(
            f"installed: {said(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def said(command: Sequence[str | Path]) -> str:
    return " ".join([Path(command[0]).name, *map(str, command[1:])])


def expect(is_so: object, what: str) -> None:
    if not is_so:
        raise SystemExit(f"installed: not so: {what}")
    print(f"installed: {what}", flush=True)


def commands_of(help_text: str) -> list[str]:
    """Return the commands that the help of `logsrv` lists."""
    return re.findall(r"^  ([a-z]+)  ", help_text, re.MULTILINE)


def plugins(bin: Path, names: Sequence[str] = PLUGINS) -> None:
    listed = run(bin / "twistd", "--help")
    for name in names:
        expect(re.search(rf"^ +{name} ", listed, re.MULTILINE), f"twistd lists {name}")
        run(bin / "twistd", name, "--help")
    found = json.loads(run(bin / "logsrv", "plugins", "--json"))
    wrong = [each for each in found["plugins"] + found.get("inputs", []) if each["error"]]
    expect(not found["broken"] + wrong, "logsrv plugins calls none broken")


def commands(bin: Path) -> None:
    for program in ("logsrv", "gopher"):
        expect(re.search(r" \d+\.\d+", run(bin / program, "--version")), f"{program} --version")
    expect("usage:" in run(bin / "gopher", "--help"), "gopher --help")
    found = commands_of(run(bin / "logsrv", "--help"))
    expect({"search", "tail"} <= set(found), "logsrv --help lists its commands")
    # Two at a time: most of the work is compiling and importing.
    with ThreadPoolExecutor(2) as both:
        helps = both.map(lambda command: run(bin / "logsrv", command, "--help"), found)
        for command, text in zip(found, helps, strict=True):
            expect("usage:" in text, f"logsrv {command} --help")


@contextmanager
def daemon(bin: Path, plugin: str, *options: str) -> Iterator[socket.socket]:
    """Start a plugin at a socket in this directory, and yield a connection; stop it by SIGTERM."""
    path, log = f"{plugin}.sock", Path(f"{plugin}.log")
    command: list[str | Path] = [
        bin / "twistd",
        "-n",
        "--pidfile=",
        plugin,
        "--listen",
        f"unix:{path}",
        *options,
    ]
    with log.open("wb") as output:
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(PATIENCE)
            until = time.monotonic() + PATIENCE
            while peer.connect_ex(path):
                if child.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"installed: {plugin} does not listen:\n{log.read_text()}")
                time.sleep(0.05)
            yield peer
        child.send_signal(signal.SIGTERM)
        status = child.wait(PATIENCE)
        # Twisted ends itself by the signal, after everything is written.
        if status not in (0, -signal.SIGTERM):
            raise SystemExit(f"installed: {plugin} ended with {status}:\n{log.read_text()}")
        print(f"installed: {plugin} stops", flush=True)
    finally:
        child.kill()
        child.wait()


def kit(bin: Path) -> None:
    plugins(bin, ("greet",))
    expect(tuple(commands_of(run(bin / "logsrv", "--help"))) == OF_KIT, "the kit's commands")
    for name in OF_KIT:
        run(bin / "logsrv", name, "--help")
    refused = subprocess.run([bin / "logsrv", "search", "x"], capture_output=True, text=True)
    # The wheel beside that of the kit: an index may have a stranger's logsrv.
    asked = (
        r"logsrv: search needs the line logger: .*pip install .*/logsrv-[^/]*-py3-none-any\.whl'?\n"
    )
    expect(re.fullmatch(asked, refused.stderr), "logsrv search says what to install")
    run(bin / "logsrv", "new", "shout")
    run(bin / "logsrv", "check", "--plugin", "greet", "--listen", "unix:greet.sock")
    with daemon(bin, "greet") as peer:
        expect(peer.recv(100), "greet greets")


def lines(bin: Path) -> None:
    with daemon(bin, "greet") as peer:
        expect(peer.recv(100), "greet greets")
    with daemon(bin, "logsrv", "--directory", "lines") as peer:
        peer.sendall(b"a line of the release\n")
        # The server closes the connection when it has taken in all lines.
        peer.shutdown(socket.SHUT_WR)
        expect(peer.recv(1) == b"", "logsrv takes in a line")
    found = run(bin / "logsrv", "search", "--directory", "lines", "release", "--output", "raw")
    expect(found == "a line of the release\n", "logsrv search finds the line that was sent")


if __name__ == "__main__":
    folder = Path(sys.argv[-1]).absolute()
    # Nothing may be imported from the current folder, or from a checkout on PYTHONPATH.
    os.environ.pop("PYTHONPATH", None)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as empty:
        os.chdir(empty)
        if "--kit" in sys.argv:
            kit(folder)
        else:
            plugins(folder)
            commands(folder)
            lines(folder)
