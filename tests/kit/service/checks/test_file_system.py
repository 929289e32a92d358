"""The file system below a directory."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.service.checks.file_system import (
    Mount,
    check_file_system,
    check_room,
    existing,
    mount_of,
    parse_mounts,
)
from logsrv.kit.service.checks.findings import Level
from tests.kit.service.checks.others import as_root

TEXT = (
    "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n"
    "28 27 0:25 / /srv rw - nfs4 nas:/srv rw,vers=4.2\n"
    "29 27 0:26 / /srv/with\\040space ro,nosuid shared:1 - ext4 /dev/vdb rw\n"
    "30 27 0:27 / /var/lib/docker rw - overlay overlay rw\n"
    "31 27 0:28 / /run rw - tmpfs tmpfs ro\n"
)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/var/lib/logsrv", "/"),
        ("/srv", "/srv"),
        ("/srvx", "/"),
        ("/srv/a", "/srv"),
        ("/srv/with space/a", "/srv/with space"),
        ("/", "/"),
    ],
)
def test_the_mount_of_a_path(path: str, place: str) -> None:
    found = mount_of(path, parse_mounts(TEXT))
    assert found is not None and found.place == place


def test_a_second_mount_covers_the_first() -> None:
    mounts = [Mount("/a", "ext4", ()), Mount("/a", "tmpfs", ())]
    assert mount_of("/a/b", mounts) == mounts[1]
    assert mount_of("/b", mounts) is None


@pytest.mark.parametrize(
    ("kind", "options", "level", "says"),
    [
        ("ext4", "rw", Level.OK, "is on ext4 at /"),
        ("xfs", "ro", Level.ERROR, "read-only"),
        ("tmpfs", "rw", Level.WARNING, "is in memory (tmpfs at /): all is gone at a reboot"),
        ("nfs4", "rw", Level.WARNING, "is on a network"),
        ("fuse.sshfs", "rw", Level.WARNING, "is on a network"),
        ("overlay", "rw", Level.WARNING, "is in a container's own layer"),
    ],
)
def test_kinds(tmp_path: Path, kind: str, options: str, level: Level, says: str) -> None:
    [found] = check_file_system(tmp_path, f"1 0 0:1 / / {options} - {kind} x rw\n")
    assert found.level is level and says in found.sentence


def test_this_machine_is_told(tmp_path: Path) -> None:
    [found] = check_file_system(
        tmp_path / "not" / "there", Path("/proc/self/mountinfo").read_text()
    )
    assert "is " in found.sentence
    assert existing(tmp_path / "not" / "there") == Path(os.path.realpath(tmp_path))
    assert not list(check_file_system(tmp_path, ""))


@as_root
def test_memory_that_is_full(tmp_path: Path) -> None:
    place = tmp_path / "memory"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=20", "none", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        [found] = check_file_system(place, Path("/proc/self/mountinfo").read_text())
        assert "is in memory" in found.sentence
        (place / "much").write_bytes(bytes(1024 * 1020))
        room, files = check_room(place)
        assert "free of 1.0 MiB, less than 5%" in room.sentence
        assert "more files only (df -i)" in files.sentence
    finally:
        subprocess.run(["umount", str(place)], check=True)


@given(st.text())
def test_whatever_stands_there_is_no_error(text: str) -> None:
    parse_mounts(text)
