"""The archive at an address."""

from __future__ import annotations

import sys

import pytest

from logsrv.linelog.store.archive.directory import DirectoryArchive
from logsrv.linelog.store.archive.objects import ArchiveError
from logsrv.linelog.store.archive.opening import open_archive


def test_a_directory_needs_no_package() -> None:
    found = open_archive("file:///srv/archive")
    assert isinstance(found, DirectoryArchive) and found.place == "file:///srv/archive"


def test_keys_that_would_not_be_used_are_refused() -> None:
    with pytest.raises(ValueError, match="the keys of gs: are in its environment"):
        open_archive("gs://logs/archive", "KEY SECRET")


def test_a_missing_package_is_named_when_something_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "logsrv.linelog.store.archive.bucket", raising=False)
    monkeypatch.setitem(sys.modules, "obstore", None)
    archive = open_archive("s3://logs/archive")
    with pytest.raises(ArchiveError, match=r"pip install 'logsrv\[archive\]'") as error:
        archive.read("x")
    assert error.value.settled
