"""Senders set up as the documents say: the files of a page with the ports of a test, and the
stored lines.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.fields.parsed_line import ParsedLine
from tests.end_to_end.peers import as_stored, texts
from tests.parts.daemons import Logger, Start
from tests.parts.programs import missing, program
from tests.parts.story import blocks

DOCS = Path(__file__).parent.parent.parent / "docs"
NODE = Path(__file__).parent / "node" / "node_modules"
HOST = "logs.example.net"
TEXT, NUMBER = '"disk is full"', 7
RECORDS = texts()


@attrs.frozen
class Page:
    """The files on a page, by name."""

    files: dict[str, str]

    @classmethod
    def of(cls, text: str) -> Page:
        return cls({block.argument: block.body for block in blocks(text) if block.argument})

    def file(self, name: str, *moved: tuple[int, int]) -> str:
        """Return a file as a reader would write it here: with these ports in place of those of the page."""
        text = self.files[name].replace(HOST, "127.0.0.1")
        for printed, port in moved:
            text, found = re.subn(rf"\b{printed}\b", str(port), text)
            assert found, f"{name} does not name port {printed}"
        return text


SENDING = (DOCS / "sending.md").read_text()
DAEMONS, PROGRAMS = map(Page.of, SENDING.split("\n## Programs\n"))


def make_certificates(place: Path) -> Path:
    """Make the certificates as the page does; that of the logger is also for 127.0.0.1."""
    program("openssl", "openssl")
    script = DAEMONS.file("certificates.sh").replace("=DNS:", "=IP:127.0.0.1,DNS:", 1)
    subprocess.run(
        ["sh", "-ec", script], cwd=place, check=True, capture_output=True, timeout=PATIENCE
    )
    return place


# By language: a loop over the texts in the file `texts`, separated by NULs, and the name of its variable.
LOOPS = {
    ".py": ('for n, text in enumerate(open("texts", encoding="utf-8").read().split("\\0")): CALL', "text"),
    ".js": ('require("fs").readFileSync("texts", "utf8").split("\\0").forEach((text, n) => CALL);', "text"),
    ".go": ("for n, text := range texts() { _ = n; CALL }", "text"),
    ".php": ('foreach (explode("\\0", file_get_contents("texts")) as $n => $text) CALL', "$text"),
    ".rb": ('File.read("texts").split("\\0").each_with_index { |text, n| CALL }', "text"),
    ".pl": ('open(F, "<", "texts"); foreach my $text (split /\\0/, join("", <F>)) { CALL }', "$text"),
}  # fmt: skip
GO_TEXTS = """package main

import ("os"; "strings")

func texts() []string {
	found, err := os.ReadFile("texts")
	if err != nil { panic(err) }
	return strings.Split(string(found), "\\x00")
}
"""


def looped(file: str, source: str) -> str:
    """Return the example with its one call made for each record."""
    loop, text = LOOPS[Path(file).suffix]
    [call] = [line for line in source.splitlines() if TEXT in line]
    n = {".php": "$n"}.get(Path(file).suffix, "n")
    made = call.strip().replace(TEXT, text).replace(f'"{NUMBER}"', f"str({n})")
    made = re.sub(rf"\b{NUMBER}\b", n, made)
    if file.endswith(".js"):
        made = made.rstrip(";")
    indented = call[: len(call) - len(call.lstrip())]
    return source.replace(call, indented + loop.replace("CALL", made))


def command(file: str) -> tuple[list[str], dict[str, str]]:
    """Return the command that runs such a program, and its additional environment."""
    kind = Path(file).suffix
    if kind == ".py":
        return [sys.executable, file], {}
    if kind == ".js":
        if not NODE.is_dir():
            missing("npm packages are not installed: npm install --prefix tests/end_to_end/node")
        return [program("node", "nodejs"), file], {"NODE_PATH": str(NODE)}
    if kind == ".go":
        environment = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOFLAGS": ""}
        return [program("go", "golang-go"), "run", file, "texts.go"], environment
    if kind == ".php":
        return [program("php", "php-cli"), file], {}
    if kind == ".rb":
        return [program("ruby", "ruby"), file], {}
    if kind == ".pl":
        return [program("perl", "perl"), file], {}
    raise AssertionError(file)


def same(text: str) -> str:
    return text


def escaped(text: str) -> str:
    """Return the text as it is in a line of the store."""
    return as_stored(text).decode()


def on_one_line(text: str) -> str:
    """Return the text with spaces in place of newlines."""
    return text.replace("\n", " ")


def spelled(text: str) -> str:
    """Return the text with each newline written as a backslash and an n."""
    return text.replace("\n", "\\n")


@attrs.frozen
class Sender:
    """An example of a page, and the records that it should store.

    port: the port in the example, `listen` the input at it. text: the field with the text, or
    `one|another`. sent: returns the text as the sender sends it. read: returns the text in the value of
    the field, which may have more. number: the field with the record's number. fields: fields that all
    records have.
    """

    file: str
    port: int
    listen: str
    text: str
    number: str | None = None
    fields: Mapping[str, object] = attrs.field(factory=dict)
    sent: Callable[[str], str] = same
    read: Callable[[str], str] = same

    def _text(self, record: ParsedLine) -> object:
        return next(filter(None, map(record.get, self.text.split("|"))), None)

    def check(self, lines: list[bytes]) -> None:
        """Check that the lines are all records, each once, with their fields."""
        found = [ParsedLine(line) for line in lines]
        wanted = [self.sent(text) for text in RECORDS]
        stored = [self.read(str(self._text(one))) for one in found]
        assert sorted(stored) == sorted(wanted)
        for record, text in zip(found, stored, strict=True):
            if self.number:
                assert str(record.get(self.number)) == re.match(r"number (\d+)", text)[1]  # type: ignore[index]
            have = {name: record.get(name) for name in self.fields}
            assert have == self.fields


def listening(logger: Start, sender: Sender) -> tuple[Logger, int]:
    """Start a logger for a sender; return it and its port."""
    buffer = ":rcvbuf=8MiB" if ":udp" in sender.listen else ""
    server = logger(listen=[f"{sender.listen}:0:interface=127.0.0.1{buffer}"])
    return server, server.port()


def run(
    words: list[str],
    directory: Path,
    server: Logger,
    environment: dict[str, str],
    count: int = len(RECORDS),
) -> None:
    """Run a program until the logger has `count` records; then it has two seconds to end."""
    log = directory / "sender.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, cwd=directory, env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
            stdout=output, stderr=output, process_group=0,
        )  # fmt: skip

    def done() -> bool:
        assert process.poll() in (None, 0), log.read_text("utf-8", "backslashreplace")[-4000:]
        return server.current.read_bytes().count(b"\n") >= count

    try:
        server.wait_until(done, f"{count} records", 2 * PATIENCE)
        # Some programs never end by themselves.
        process.wait(2)
    except subprocess.TimeoutExpired:
        pass
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)


def lines_of(server: Logger) -> list[bytes]:
    return server.current.read_bytes().splitlines()
