"""Files as the store makes them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from logsrv.linelog.store.disk import reason
from tests.linelog.store.faults import at


def test_a_new_file_is_0640_and_not_inherited(tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        fd = at(tmp_path).create("new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.fstat(fd).st_mode) == 0o640
    assert not os.get_inheritable(fd)
    os.close(fd)


def test_nothing_is_opened_through_a_symbolic_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match="symbolic links"):
        at(tmp_path).open("link", os.O_RDONLY)


def test_a_file_that_is_gone_already_can_be_removed(tmp_path: Path) -> None:
    at(tmp_path).unlink("gone")


def test_a_reason_is_what_the_system_says_or_what_was_raised() -> None:
    assert reason(OSError(28, "No space left on device")) == "No space left on device"
    assert reason(ValueError("odd")) == "ValueError: odd"
