"""`logsrv import`: existing files into a store, and found there by their own times."""

import gzip
import os
import re
import struct
from pathlib import Path

import pytest
import zstandard

from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.lock import DirectoryLock
from tests.parts.at_terminal import AtTerminal
from tests.parts.commands import HOSTILE, LOGSRV, logsrv

# 2026-11-20T12:00:00Z
WRITTEN = 1_795_176_000
UTC = {"TZ": "UTC"}
TRADITIONAL = (
    b"Nov 19 06:25:01 web1 CRON[8201]: (root) CMD (test -x /usr/sbin/anacron)\n"
    b"Nov 19 06:25:09 web1 sshd[8211]: Accepted publickey for ann from 10.0.0.7 port 50122 ssh2\n"
)
PROTOCOL_23 = (
    b"<86>1 2026-11-18T06:25:01.123456+01:00 web1 CRON 8201 - -  pam_unix(cron:session): opened\n"
    b"<38>1 2026-11-18T06:25:09.000001+01:00 web1 sshd 8211 - - Accepted publickey for bob\n"
)
ACCESS = b'10.0.0.1 - - [19/Nov/2026:06:25:05 +0000] "GET / HTTP/1.1" 200 612 "-" "curl/8"\n'
EXPORT = (
    b"__CURSOR=s=739ad463348b4ceca5a9e69c95a3c93f;i=4ece7\n__REALTIME_TIMESTAMP=1795132800000007\n"
    b"_HOSTNAME=web1\nPRIORITY=6\nMESSAGE=Started Daily apt download activities.\n\n"
    b"__CURSOR=s=739ad463348b4ceca5a9e69c95a3c93f;i=4ece8\n__REALTIME_TIMESTAMP=1795132801000000\n"
    b"MESSAGE\n" + struct.pack("<Q", 9) + b"two\nlines\n\n"
)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    for name, data in (
        ("syslog.1", TRADITIONAL),
        ("syslog.2.gz", gzip.compress(PROTOCOL_23)),
        ("access.log.zst", zstandard.compress(ACCESS)),
        ("journal", EXPORT),
        ("notes", b"no time at all\n"),
    ):
        (folder / name).write_bytes(data)
        os.utime(folder / name, (WRITTEN, WRITTEN))
    return folder


def test_lines_of_all_files_are_found_by_their_own_times(logs, tmp_path):
    done = logsrv("import", "--directory", "store", "log", environment=UTC, directory=tmp_path)
    assert done.returncode == 0 and not done.stderr
    *each, total = done.stdout.decode().splitlines()
    size = sum(map(len, (TRADITIONAL, PROTOCOL_23, ACCESS, EXPORT, b"no time at all\n")))
    assert total.startswith(f"in all: 5 files, 8 lines, {size:,} bytes unpacked, in ")
    assert total.endswith(" s; dropped: nothing")
    assert each == [
        "log/access.log.zst: 1 line, 2026-11-19T06:25:05Z to 2026-11-19T06:25:05Z, access log",
        "log/journal: 2 lines, 2026-11-20T00:00:00Z to 2026-11-20T00:00:01Z, journal",
        "log/notes: 1 line without a time; it has the file's own, 2026-11-20T12:00:00Z",
        "log/syslog.2.gz: 2 lines, 2026-11-18T05:25:01Z to 2026-11-18T05:25:09Z, RFC 3339",
        "log/syslog.1: 2 lines, 2026-11-19T06:25:01Z to 2026-11-19T06:25:09Z, RFC 3164",
    ]

    def found(*words: str) -> list[str]:
        shown = logsrv("search", "--directory", "store", "--utc", *words, directory=tmp_path)
        assert not shown.stderr
        return shown.stdout.decode().splitlines()

    every = found()
    assert [line.split()[:2] for line in every] == [
        ["2026-11-18T05:25:01.123456Z", "file:log/syslog.2.gz"],
        ["2026-11-18T05:25:09.000001Z", "file:log/syslog.2.gz"],
        ["2026-11-19T06:25:01.000000Z", "file:log/syslog.1"],
        ["2026-11-19T06:25:05.000000Z", "file:log/access.log.zst"],
        ["2026-11-19T06:25:09.000000Z", "file:log/syslog.1"],
        ["2026-11-20T00:00:00.000007Z", "file:log/journal"],
        ["2026-11-20T00:00:01.000000Z", "file:log/journal"],
        ["2026-11-20T12:00:00.000000Z", "file:log/notes"],
    ]
    assert every[0].endswith(" " + PROTOCOL_23.decode().splitlines()[0])
    assert found("--since", "2026-11-19", "--until", "2026-11-19T06:25:06Z") == every[2:4]
    assert found("app=sshd", "--source", "file:*.gz") == [every[1]]
    assert found("status=200") == [every[3]]
    assert '"MESSAGE":"two\\nlines"' in every[6]
    sealed = sorted(path.suffix for path in (tmp_path / "store").glob("0*"))
    # A word index of so little would be larger than it is of use.
    assert sealed == [".idx", ".zst"] and not (tmp_path / "store/current.log").stat().st_size


def test_the_same_files_are_not_imported_twice(logs, tmp_path):
    words = ("import", "--directory", "store", "log/journal")
    logsrv(*words, directory=tmp_path)
    again = logsrv(*words, directory=tmp_path)
    told, total = again.stdout.decode().splitlines()
    assert told == "log/journal: imported already, left out" and not again.returncode
    assert total.startswith("in all: 0 files, 0 lines, ")
    assert total.endswith("; 1 file imported before; dropped: nothing")
    assert logsrv("search", "--directory", "store", "-c", directory=tmp_path).stdout == b"2\n"


def test_a_directory_that_is_imported_every_day_gives_only_its_new_file(tmp_path):
    """The files of all earlier days are left out, not only those of the last import."""
    folder = tmp_path / "log"
    folder.mkdir()
    seen: list[str] = []
    for day in range(1, 5):
        name = f"app-2026-11-0{day}.log"
        (folder / name).write_text(f"2026-11-0{day}T00:00:00Z day {day}\n")
        done = logsrv("import", "--directory", "store", "log", directory=tmp_path)
        *told, new, total = done.stdout.decode().splitlines()
        assert (done.returncode, done.stderr) == (0, b"")
        assert told == [f"log/{one}: imported already, left out" for one in seen]
        assert new.startswith(f"log/{name}: 1 line, ") and total.startswith(
            "in all: 1 file, 1 line, "
        )
        seen.append(name)
    shown = logsrv("search", "--directory", "store", "--output", "raw", directory=tmp_path)
    assert [line.split()[-1] for line in shown.stdout.decode().splitlines()] == [*"1234"]


def test_a_dry_run_says_what_was_recognised_and_makes_nothing(logs, tmp_path):
    words = ("import", "--directory", "store", "log")
    tried = logsrv(*words, "--dry-run", environment=UTC, directory=tmp_path)
    assert not (tmp_path / "store").exists()
    done = logsrv(*words, environment=UTC, directory=tmp_path)
    took = rb", in [0-9.]+ s;|; 0 lines without a time"
    assert re.sub(took, b"", tried.stdout) == re.sub(took, b"", done.stdout)
    (logs / "mixed").write_bytes(
        TRADITIONAL * 2 + b"Traceback\n  File x\nts=2026-11-20T06:00:00Z a=1\n"
    )
    tried = logsrv("import", "--dry-run", "log/mixed", environment=UTC, directory=tmp_path)
    assert tried.stdout.startswith(
        b"log/mixed: 7 lines, 2026-11-19T06:25:01Z to 2026-11-20T06:00:00Z, RFC 3164 (6), logfmt (1);"
        b" 2 lines without a time; 1 line older than the previous line, by 8 s, has its time"
        b" (--sort puts it where it belongs)\n"
    )


def test_lines_of_two_files_are_sorted_if_asked(tmp_path):
    for name, seconds in (("a.log", (5, 1, 3)), ("b.log", (4, 2, 6))):
        text = "".join(f"2026-11-20T06:00:0{second}Z line {second}\n" for second in seconds)
        (tmp_path / name).write_text(text)
        os.utime(tmp_path / name, (WRITTEN, WRITTEN))
    words = ("import", "--directory", "store", "--sort", "a.log", "b.log")
    done = logsrv(*words, environment=UTC, directory=tmp_path)
    assert not done.returncode and b"older" not in done.stdout
    assert b"a.log: 3 lines, 2026-11-20T06:00:01Z to 2026-11-20T06:00:05Z, " in done.stdout
    shown = logsrv("search", "--directory", "store", "--utc", directory=tmp_path).stdout.decode()
    assert [(line[:20], line[-6:]) for line in shown.splitlines()] == [
        (f"2026-11-20T06:00:0{second}.", f"line {second}") for second in range(1, 7)
    ]
    refused = logsrv("import", "--directory", "store", "--sort", "-", directory=tmp_path)
    assert refused.returncode == 2 and b"--sort reads a file twice" in refused.stderr


def test_a_log_from_standard_input_is_imported(tmp_path):
    text = gzip.decompress(gzip.compress(PROTOCOL_23)) * 2000
    store = str(tmp_path / "store")
    done = logsrv("import", "--directory", store, "-", input=text)
    assert done.stdout.startswith(b"-: 4,000 lines, ")
    assert (
        b"; 1,999 lines older than the previous line, by up to 8 s, have its time\n" in done.stdout
    )
    shown = logsrv("search", "--directory", store, "-n", "1")
    assert shown.stdout.startswith(b"2026-11-18T05:25:01.123456Z file:- <86>1 ")


def test_what_cannot_be_read_is_a_sentence_and_the_rest_is_imported(logs, tmp_path):
    (logs / "broken.gz").write_bytes(gzip.compress(PROTOCOL_23)[:-20])
    done = logsrv(
        "import",
        "--directory",
        "store",
        "log/broken.gz",
        "no\x1b",
        "log/journal",
        directory=tmp_path,
    )
    assert done.returncode == 1
    assert done.stderr.decode().splitlines() == [
        "logsrv import: no\\x1b cannot be read: No such file or directory",
        "logsrv import: log/broken.gz cannot be read to its end: its compressed data has no end",
    ]
    assert b"log/journal: 2 lines" in done.stdout
    assert (
        done.stdout.decode()
        .rstrip()
        .endswith("; dropped: 1 file that cannot be read, the rest of 1 file, broken or cut off")
    )


def test_what_is_too_long_for_an_entry_of_a_journal_is_told(tmp_path):
    """A core dump, for example: the other fields are there."""
    size = 16 << 20
    field = b"COREDUMP\n" + struct.pack("<Q", size) + b"x" * size + b"\n"
    (tmp_path / "journal").write_bytes(EXPORT + EXPORT.rstrip(b"\n") + b"\n" + field + b"\n")
    done = logsrv("import", "--directory", "store", "journal", directory=tmp_path)
    assert done.returncode == 0
    assert b"in all: 1 file, 4 lines, 16,7" in done.stdout
    assert done.stdout.endswith(b"; dropped: fields of more than 16 MiB, in 1 entry\n")


def test_a_file_that_has_grown_since_is_another_one(logs, tmp_path):
    """Its lines are older than those that are there: nothing comes twice by mistake."""
    words = ("import", "--directory", "store", "log/syslog.1")
    logsrv(*words, environment=UTC, directory=tmp_path)
    with (logs / "syslog.1").open("ab") as file:
        file.write(b"Nov 19 06:25:10 web1 sshd[8211]: session opened\n")
    again = logsrv(*words, environment=UTC, directory=tmp_path)
    assert again.returncode == 1
    assert again.stderr.decode().endswith(
        ": older lines cannot be stored after younger ones; import them beside it:"
        " logsrv import --directory store-older log/syslog.1"
        " (logsrv search -d store -d store-older reads both as one)\n"
    )
    done = logsrv("import", "--directory", "store-older", "log/syslog.1", directory=tmp_path)
    assert done.returncode == 0
    both = ("-d", "store", "-d", "store-older", "-c")
    assert logsrv("search", *both, directory=tmp_path).stdout == b"5\n"
    assert logsrv("search", "--directory", "store", "-c", directory=tmp_path).stdout == b"2\n"


def test_what_is_binary_in_a_directory_is_no_error(logs, tmp_path):
    """As `wtmp` is, which is in each /var/log."""
    (logs / "wtmp").write_bytes(b"\0\1\2" * 400)
    done = logsrv("import", "--directory", "store", "log", directory=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"logsrv import: log/wtmp is no text; left out\n")


def test_a_store_that_a_server_has_open_is_left_alone(logs, tmp_path):
    store = tmp_path / "store"
    store.mkdir()
    disk = Disk().open_directory(store)
    lock = DirectoryLock(disk)
    try:
        done = logsrv("import", "--directory", str(store), str(logs / "journal"))
    finally:
        lock.release()
        disk.close()
    assert done.returncode == 1
    assert f"is in use by process {os.getpid()};" in done.stderr.decode()
    assert not (store / "current.log").exists()


@pytest.mark.long
def test_an_import_that_is_interrupted_goes_on(tmp_path):
    """By Ctrl-C; another command is refused meanwhile, and the same one finishes it."""
    log = tmp_path / "app.log"
    lines = [
        f"2026-11-19T{n // 36000:02d}:{n // 600 % 60:02d}:00.{n:07d}Z {n}" for n in range(400_000)
    ]
    log.write_text("\n".join(lines) + "\n")
    words = ("import", "--directory", str(tmp_path / "store"), str(log))
    with AtTerminal(*LOGSRV, *words, environment={}) as terminal:
        terminal.expect(" lines, at 2026")
        terminal.type("\x03")
        terminal.expect("interrupted; the same command continues where this one stopped")
        assert terminal.wait()
    (tmp_path / "other.log").write_text("2026-11-20T00:00:00Z other\n")
    other = logsrv("import", "--directory", str(tmp_path / "store"), str(tmp_path / "other.log"))
    assert other.returncode == 1 and b"give the same files again, unchanged" in other.stderr
    done = logsrv(*words)
    assert done.returncode == 0 and b"in all: 1 file, 400,000 lines, " in done.stdout
    shown = logsrv("search", "--directory", str(tmp_path / "store"), "--output", "raw")
    assert shown.stdout.decode().splitlines() == lines


@pytest.mark.parametrize("kind", ["text", "binary", "broken"])
def test_the_name_of_a_file_forges_no_line_and_drives_no_terminal(tmp_path, kind):
    """Whoever may put a file below /var/log chooses it."""
    folder = tmp_path / "log"
    folder.mkdir()
    data = {"text": ACCESS, "binary": b"\0\1", "broken": gzip.compress(ACCESS)[:-9]}[kind]
    (folder / (HOSTILE + ".gz" if kind == "broken" else HOSTILE)).write_bytes(data)
    for _ in range(2):
        done = logsrv(
            "import", "--directory", str(tmp_path / "store"), str(folder), environment=UTC
        )
        said = (done.stdout + done.stderr).decode()
        assert said.replace("\n", "").isprintable()
        begins = ("in all: ", "logsrv import: ", str(tmp_path))
        assert all(line.startswith(begins) for line in said.splitlines()), said
        assert "in all: forged" not in [line[:14] for line in said.splitlines()]
