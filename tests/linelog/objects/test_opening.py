"""Opening the objects at a URL."""

import re
import sys

import pytest

from logsrv.installation import how_to_install
from logsrv.linelog.objects.directory import DirectoryArchive
from logsrv.linelog.objects.interface import ArchiveError, ChangedObject
from logsrv.linelog.objects.opening import open_archive


def test_a_directory_needs_no_package():
    found = open_archive("file:///srv/archive")
    assert isinstance(found, DirectoryArchive) and found.address == "file:///srv/archive"


def test_keys_that_would_not_be_used_are_refused():
    with pytest.raises(ValueError, match="the keys of gs: come from the environment"):
        open_archive("gs://logs/archive", "KEY SECRET")


def test_a_missing_package_is_named_when_something_is_asked(monkeypatch):
    monkeypatch.delitem(sys.modules, "logsrv.linelog.objects.bucket", raising=False)
    monkeypatch.setitem(sys.modules, "obstore", None)
    archive = open_archive("s3://logs/archive")
    with pytest.raises(ArchiveError, match=re.escape(how_to_install("archive"))) as error:
        archive.read("x")
    assert error.value.settled


def test_a_changed_object_is_a_sentence_with_its_place_and_what_to_do():
    error = ChangedObject("file:///srv/a", "x/1.log.zst")
    assert error.settled
    assert str(error).startswith("x/1.log.zst in file:///srv/a is not what was archived")
    assert str(error).endswith("put it back from a copy")
