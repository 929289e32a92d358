"""Files written by rsyslog, syslog-ng and the journal are imported: each line keeps its own time."""

import json
import socket
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.end_to_end.peers import rsyslog, syslog_ng, texts
from tests.parts.commands import logsrv
from tests.parts.programs import program
from tests.parts.store_reader import Stored, stored_lines

pytestmark = pytest.mark.long

COUNT = 300
SENT = [text.replace("\n", " ") for text in texts(COUNT)]
# In the past on any day: the import adds a year to a time without one.
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=COUNT)
TIMES = [BEGIN + timedelta(minutes=number) for number in range(COUNT)]
FILES_OF_RSYSLOG = """
template(name="place" type="string" string="PLACE/%programname%/all.log")
template(name="json" type="list" option.jsonf="on") {
    property(outname="timestamp" name="timereported" dateFormat="rfc3339" format="jsonf")
    property(outname="host" name="hostname" format="jsonf")
    property(outname="message" name="msg" format="jsonf")
}
"""


def send(path: Path) -> None:
    """Send all messages to a datagram socket like /dev/log, each with its time, for two hosts in turns."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.connect(str(path))
        for number, (moment, text) in enumerate(zip(TIMES, SENT, strict=True)):
            stamp = moment.strftime("%b %e %H:%M:%S")
            sender.send(f"<13>{stamp} web{number % 2} app: {text}".encode())


def imported(tmp_path: Path, *paths: Path) -> list[Stored]:
    """Import files into a new store; return its lines."""
    words = [str(path) for path in paths]
    done = logsrv(
        "import", "--directory", "store", *words, environment={"TZ": "UTC"}, directory=tmp_path
    )
    assert done.returncode == 0, done.stderr
    return stored_lines(tmp_path / "store")


def check(found: list[Stored]) -> None:
    lines = [line for line in found if b"number " in line.message]
    assert [line.time.decode() for line in lines] == [
        moment.strftime("%Y-%m-%dT%H:%M:%S.000000Z") for moment in TIMES
    ]
    for line, text in zip(lines, SENT, strict=True):
        assert text.encode() in line.message


def all_written(place: Path) -> bool:
    found = b"".join(path.read_bytes() for path in place.glob("*/*"))
    return found.count(b"number ") >= COUNT


def test_a_server_that_runs_keeps_its_store(logger, tmp_path):
    """An import is refused while the server runs, and when the store has newer lines of a server."""
    log = tmp_path / "old.log"
    log.write_text("2026-11-19T00:00:00Z old\n")
    words = ("import", "--directory", str(tmp_path / "store"), str(log))
    assert logsrv(*words).returncode == 0
    log.write_text("2026-11-19T00:00:01Z older than the server's\n")
    server = logger()
    server.send(b"new\n")
    server.wait_until(lambda: server.current.read_bytes().endswith(b" new\n"), "the line")
    done = logsrv(*words)
    assert done.returncode == 1
    assert f"is in use by process {server.pid};" in done.stderr.decode()
    server.stop()
    done = logsrv(*words)
    assert done.returncode == 1
    assert b"older lines cannot be stored after younger ones" in done.stderr
    assert [line.message for line in stored_lines(tmp_path / "store")] == [
        b"2026-11-19T00:00:00Z old",
        b"new",
    ]


# In CI each program writes one form; tests/linelog/importing has lines of every form.
NIGHTLY = pytest.mark.nightly
OF_RSYSLOG = [
    "RSYSLOG_TraditionalFileFormat",
    *(
        pytest.param(name, marks=NIGHTLY)
        for name in ("RSYSLOG_FileFormat", "RSYSLOG_SyslogProtocol23Format", "json")
    ),
]


@pytest.mark.parametrize("form", OF_RSYSLOG)
def test_files_of_rsyslog_are_imported_with_their_times(tmp_path, form):
    """A directory with files in folders is imported; rsyslog takes the host for the program name here."""
    place = tmp_path / "logs"
    setting = FILES_OF_RSYSLOG.replace("PLACE", str(place))
    action = f'action(type="omfile" dynaFile="place" template="{form}")'
    with rsyslog(tmp_path, setting + action) as running:
        send(running.socket)
        wait_until(lambda: all_written(place), "all")
    check(imported(tmp_path, place))


@pytest.mark.parametrize(
    "template",
    [
        pytest.param("", id="default", marks=NIGHTLY),
        pytest.param('template("$ISODATE $HOST $MSGHDR$MSG\\n")', id="ISODATE"),
        pytest.param(
            'template("$(format-json --scope rfc5424 --pair timestamp=$ISODATE)\\n")',
            id="JSON",
            marks=NIGHTLY,
        ),
    ],
)
def test_files_of_syslog_ng_are_imported_with_their_times(tmp_path, template):
    place, path = tmp_path / "logs", tmp_path / "socket"
    destination = f'file("{place}/$HOST/all.log" create-dirs(yes) {template});'
    with syslog_ng(tmp_path, f'unix-dgram("{path}" log-msg-size(65536));', destination):
        wait_until(path.exists, "its socket")
        send(path)
        wait_until(lambda: all_written(place), "all")
    check(imported(tmp_path, place))


@pytest.mark.parametrize("form", ["export", pytest.param("json", marks=NIGHTLY)])
def test_entries_of_a_journal_are_imported_with_their_times(tmp_path, form):
    """The file is written by journalctl from a journal of systemd."""
    journalctl = program("journalctl", "systemd")
    remote = program("systemd-journal-remote", "systemd-journal-remote")
    entries = "".join(
        f"__REALTIME_TIMESTAMP={int(moment.timestamp())}000000\n"
        f"__MONOTONIC_TIMESTAMP={number + 1}\n_BOOT_ID=e0b5b2cf9a4f4d8e8f0c2f6f1f1e5a11\n"
        f"_HOSTNAME=web1\nPRIORITY=4\nSYSLOG_IDENTIFIER=app\nMESSAGE={text}\n\n"
        for number, (moment, text) in enumerate(zip(TIMES, SENT, strict=True))
    )
    (tmp_path / "entries").write_text(entries)
    journal = tmp_path / "one.journal"
    subprocess.run(
        [remote, "-o", str(journal), str(tmp_path / "entries")],
        check=True,
        capture_output=True,
        timeout=PATIENCE,
    )
    shown = subprocess.run(
        [journalctl, "--file", str(journal), "-o", form, "--all", "--no-pager"],
        check=True, capture_output=True, timeout=PATIENCE)  # fmt: skip
    (tmp_path / "shown").write_bytes(shown.stdout)
    found = imported(tmp_path, tmp_path / "shown")
    check(found)
    assert {json.loads(line.message)["PRIORITY"] for line in found} == {"4"}
