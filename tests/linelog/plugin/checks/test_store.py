"""Checks of the directory of a store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from logsrv.kit.service.checks.file_system import parse_mounts
from logsrv.kit.service.checks.findings import Asked, Finding, Level
from logsrv.kit.service.checks.held import proc_text
from logsrv.kit.service.checks.user import User, myself
from logsrv.kit.text.sums import with_sum
from logsrv.linelog.plugin.checks import store as store_module
from logsrv.linelog.plugin.checks.store import (
    Growth,
    check_change,
    check_store,
    check_unit,
    measured,
)
from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.disk.lock import locked
from logsrv.linelog.store.policy import StorePolicy
from tests.kit.service.checks.others import as_root, follow, nobody, open_directory

NOW = 1795348800.0  # 2026-11-22T12:00:00Z
MiB = 1024**2
GiB = 1024 * MiB
KEPT = StorePolicy(rotate_size=MiB, keep_bytes=4 * MiB)


@pytest.fixture(autouse=True)
def disk_below_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk's file system: in /tmp it may be one in memory or of a container, which are told of."""
    monkeypatch.setattr(
        store_module, "proc_text", lambda name: "1 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    )


@pytest.fixture
def directory() -> Iterator[Path]:
    with open_directory() as path:
        (path / "lines").mkdir(0o750)
        yield path / "lines"


def checked(
    directory: Path, policy: StorePolicy = KEPT, user: User | None = None, now: float = NOW
) -> list[Finding]:
    return list(check_store(directory, policy, user or myself(), now))


def odd(found: list[Finding]) -> list[Finding]:
    """Without what the machine of the test is like."""
    return [one for one in found if one.level is not Level.OK and " free of " not in one.sentence]


def test_a_store_that_is_not_there_is_made_at_the_start(tmp_path: Path) -> None:
    found = checked(tmp_path / "a" / "b")
    assert "is not there yet, and is made at the start" in [one.sentence for one in found]
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").touch()
    assert any("is no directory" in one.sentence for one in odd(checked(tmp_path / "file" / "b")))
    (tmp_path / "link").symlink_to("link")
    [error] = [one for one in checked(tmp_path / "link") if one.level is Level.ERROR]
    assert error.sentence == "is a symbolic link that leads nowhere"


def test_the_file_system_of_this_machine_is_looked_at(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "proc_text", proc_text)
    kinds = [one.kind for one in parse_mounts(proc_text("self/mountinfo"))]
    assert any(f"{kind} at /" in one.sentence for one in checked(directory) for kind in kinds)


def test_a_store_where_the_unit_lets_nobody_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By where a link leads to: the unit goes by that, too."""
    told = (
        "ProtectSystem=strict\nStateDirectory=logsrv\nExecStart=logsrv --config /etc/logsrv.toml ;"
    )
    monkeypatch.setattr(store_module, "ask_systemd", lambda plugin: told)
    link = tmp_path / "lines"
    link.symlink_to("/srv/lines")
    asked = Asked(myself(), file=Path("/etc/logsrv.toml"))
    [found] = check_unit(link, asked)
    assert (found.level, found.subject) == (Level.ERROR, str(link))
    assert found.sentence == "lies where logsrv.service may not write"
    assert found.advice.endswith("below [Service]: ReadWritePaths=/srv/lines")
    assert not list(check_unit(Path("/var/lib/logsrv/lines"), asked))
    # Not what the unit starts.
    assert not list(check_unit(link, attrs.evolve(asked, words=("--directory", "/srv/lines"))))
    assert not list(check_unit(link, Asked(myself())))


def test_nothing_is_changed(directory: Path) -> None:
    (directory / "current.log").write_text("2026-11-22T11:00:00.000000Z tcp:1 hello\n")
    before = {path: path.stat() for path in (directory, *directory.iterdir())}
    assert not odd(checked(directory))
    after = {path: path.stat() for path in (directory, *directory.iterdir())}
    assert {path: found.st_mtime_ns for path, found in after.items()} == {
        path: found.st_mtime_ns for path, found in before.items()
    }


@as_root
def test_another_user_may_not_write_it_until_it_is_his(directory: Path) -> None:
    [found] = odd(checked(directory, user=nobody()))
    assert found.level is Level.ERROR and found.sentence == "cannot be written by user nobody"
    follow(found.advice)
    assert not odd(checked(directory, user=nobody()))
    # Somebody has tried it as root.
    (directory / "current.log").touch(0o600)
    [found] = odd(checked(directory, user=nobody()))
    assert found.sentence == "belongs to root: user nobody may not use it"
    follow(found.advice)
    assert not odd(checked(directory, user=nobody()))


@as_root
@pytest.mark.parametrize(
    "name",
    [
        "0000000001-20261120T060000Z.log.zst",
        "0000000001-20261120T060000Z.log.zst.idx",
        "0000000002-20261120T060000Z.log",
        "0000000001-0000000256.catalog",
        "origins",
        "ship/centre",
        "alerts",
    ],
)
def test_a_file_that_root_has_copied_into_the_store_is_told(directory: Path, name: str) -> None:
    """As `cp -r` leaves it: the service could not open it."""
    shutil.chown(directory, "nobody")
    made = directory / name
    if "/" in name:
        made.parent.mkdir()
        shutil.chown(made.parent, "nobody")
    if name == "alerts":
        made.mkdir(0o750)
    else:
        made.touch(0o640)
        (made.parent / "other.zst").touch(0o640)
    [found] = [one for one in checked(directory, user=nobody()) if one.level is Level.ERROR]
    assert found.sentence.startswith("belongs to root: user nobody may not use it")
    assert ("and 1 more file here" in found.sentence) == (name != "alerts")
    follow(found.advice)
    assert not [one for one in checked(directory, user=nobody()) if one.level is Level.ERROR]


@as_root
def test_who_only_reads_is_not_told_to_take_it_from_the_service(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory.chmod(0o755)
    monkeypatch.setattr(store_module, "owner_of", lambda directory: 1)
    with nobody().acting():
        [found] = odd(checked(directory, user=nobody()))
    assert found.level is Level.WARNING and not found.advice
    assert found.sentence == "cannot be written by user nobody, only by the running service"


@as_root
def test_another_user_may_not_make_it(directory: Path) -> None:
    [found] = odd(checked(directory / "new", user=nobody()))
    assert found.sentence.startswith("is not there, and user nobody may not make it in ")
    follow(f"chmod 755 {directory} && {found.advice}")
    assert not odd(checked(directory / "new", user=nobody()))


def test_everybody_may_write_it(directory: Path) -> None:
    directory.chmod(0o777)
    [found] = odd(checked(directory))
    assert found.level is Level.WARNING and found.advice == f"chmod 750 {directory}"


def test_who_has_it_and_who_left_it(directory: Path) -> None:
    with locked(directory):
        assert f"is in use by process {os.getpid()}" in [one.sentence for one in checked(directory)]
    (directory / "lock").write_text("4242\n")
    assert any(one.sentence.startswith("was left by process 4242") for one in checked(directory))


def test_lines_from_the_future(directory: Path) -> None:
    (directory / "current.log").write_text(
        "2026-11-22T11:00:00.000000Z a b\n2026-11-25T12:00:00.000000Z a b\nno time\n"
    )
    [found] = odd(checked(directory))
    assert found.level is Level.WARNING
    assert found.sentence == "has a line that is 3 days ahead of this machine's clock"


def test_what_would_keep_it_from_starting_or_shipping(directory: Path) -> None:
    (directory / "format").write_bytes(with_sum(b"99 7.0.0"))
    (directory / "restoring").touch()
    (directory / "store").write_text("nonsense")
    newer, restoring, identity = odd(checked(directory))
    assert newer.level is Level.ERROR and "was written by logsrv 7.0.0 or newer" in newer.sentence
    assert restoring.level is Level.ERROR and "logsrv restore" in restoring.sentence
    assert identity.subject.endswith("/store") and "holds no identity" in identity.sentence


def test_an_index_of_a_later_version(directory: Path) -> None:
    name = "0000000001-20261101T120000Z.log.zst"
    (directory / name).write_bytes(b"x")
    (directory / f"{name}.idx").write_bytes(b'{"format":99,"segment":1}\n')
    found = odd(checked(directory))
    assert [one.subject for one in found] == [str(directory / f"{name}.idx")]
    assert found[0].level is Level.WARNING


def test_what_to_keep_fits_on_a_small_disk(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    growth = Growth(size=0, free=40 * 1024**2, a_day=None)
    monkeypatch.setattr(store_module, "measured", lambda disk, now: growth)
    every = checked(directory, StorePolicy(keep_bytes=GiB))
    [found] = [one for one in every if "the disk is full before" in one.sentence]
    assert found.advice == "--keep-bytes 36MiB"


def test_how_fast_it_grows(directory: Path) -> None:
    for number, day in ((1, 12), (2, 17)):
        name = f"{number:010}-202611{day}T120000Z.log.zst"
        (directory / name).write_bytes(bytes(5_000_000))
    disk = Disk().enter(directory)
    try:
        growth = measured(disk, NOW)
    finally:
        disk.leave()
    assert (growth.size, growth.a_day) == (10_000_000, 1_000_000)


GROWTH = Growth(size=10 * GiB, free=40 * GiB, a_day=1.0 * GiB)


@pytest.mark.parametrize(
    ("growth", "policy", "level", "says"),
    [
        (GROWTH, StorePolicy(keep_bytes=20 * GiB), Level.OK, "40.0 GiB free, 1.0 GiB a day"),
        (
            GROWTH,
            StorePolicy(keep_bytes=100 * GiB),
            Level.WARNING,
            "the disk is full before --keep-bytes 100GiB is reached: it has 40.0 GiB free, full in 40 days",
        ),
        (
            GROWTH,
            StorePolicy(),
            Level.WARNING,
            "nothing is ever removed: 40.0 GiB free, 1.0 GiB a day, full in 40 days",
        ),
        (
            attrs.evolve(GROWTH, a_day=None),
            StorePolicy(),
            Level.WARNING,
            "nothing is ever removed: 40.0 GiB free, a rate that it does not tell yet",
        ),
        (
            GROWTH,
            StorePolicy(keep_days=90),
            Level.WARNING,
            "the disk is full before --keep-days 90 have passed: 40.0 GiB free",
        ),
        (GROWTH, StorePolicy(keep_days=45), Level.OK, "has room for what is kept"),
        (
            GROWTH,
            StorePolicy(keep_bytes=GiB // 4),
            Level.WARNING,
            "--keep-bytes is less than two segments (--rotate-size): hardly any line stays",
        ),
    ],
)
def test_room_for_what_is_kept(
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    growth: Growth,
    policy: StorePolicy,
    level: Level,
    says: str,
) -> None:
    monkeypatch.setattr(store_module, "measured", lambda disk, now: growth)
    found = [one for one in checked(directory, policy) if says in one.sentence]
    assert [one.level for one in found] == [level]


def test_a_reload_that_would_be_refused(
    directory: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A service runs with this configuration, and has the store that stood there before."""
    file = tmp_path / "logsrv.toml"
    assert not list(check_change(directory, None)) and not list(check_change(directory, file))
    monkeypatch.setattr(store_module, "processes", lambda: [os.getpid()])
    monkeypatch.setattr(store_module, "runs_with", lambda pid, plugin, found, _: found == file)
    [found] = check_change(directory, file)
    assert found.level is Level.WARNING and found.advice == "stop it and start it"
    with locked(directory):
        assert not list(check_change(directory, file))
