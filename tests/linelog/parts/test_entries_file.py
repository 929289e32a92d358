"""A file of entries: read, replaced, never overwritten if it is wrong; one change after the other."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from logsrv.errors import StoreError
from logsrv.linelog.parts.endpoints import RefusedRequest
from logsrv.linelog.parts.entries_file import (
    LARGEST_FILE,
    OneAtATime,
    read_entries,
    write_entries,
)
from tests.parts.web_requests import Reactor


def test_what_is_written_is_read_and_can_be_edited(tmp_path):
    file = tmp_path / "entries.json"
    assert read_entries(file, "colours") == {}
    write_entries(file, {"größer": {"q": "x"}}, "colours")
    assert file.read_text() == '{\n  "größer": {\n    "q": "x"\n  }\n}\n'
    assert read_entries(file, "colours") == {"größer": {"q": "x"}}
    file.write_bytes(b"")
    assert read_entries(file, "colours") == {}


def test_the_file_keeps_its_mode_and_a_link_stays_one(tmp_path):
    (tmp_path / "real.json").write_text("{}")
    (tmp_path / "real.json").chmod(0o664)
    link = tmp_path / "link.json"
    link.symlink_to("real.json")
    write_entries(link, {"a": 1}, "colours")
    assert link.is_symlink() and json.loads((tmp_path / "real.json").read_text()) == {"a": 1}
    assert stat.S_IMODE((tmp_path / "real.json").stat().st_mode) == 0o664


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "not JSON"),
        ("[]", "is no JSON object of colours by their names"),
        (" " * (LARGEST_FILE + 1), "is larger than 1.0 MiB"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, text, sentence):
    file = tmp_path / "entries.json"
    file.write_text(text)
    with pytest.raises(StoreError, match=f"entries.json: {sentence}"):
        read_entries(file, "colours")


def test_no_directory_or_device_is_taken_for_the_file(tmp_path):
    with pytest.raises(StoreError, match="is a directory"):
        read_entries(tmp_path, "colours")
    with pytest.raises(StoreError, match="is a device"):
        write_entries(Path(os.devnull), {}, "colours")
    with pytest.raises(StoreError, match="cannot be written: No such file"):
        write_entries(tmp_path / "away" / "entries.json", {}, "colours")


def test_entries_that_are_too_long_together_are_refused(tmp_path):
    file = tmp_path / "entries.json"
    with pytest.raises(RefusedRequest, match="the saved colours are too long together") as caught:
        write_entries(file, {"a": "x" * LARGEST_FILE}, "colours")
    assert caught.value.status == 409 and not file.exists()


def test_work_is_done_one_after_the_other_and_ended_waits_for_all_of_it():
    reactor: Any = Reactor()
    reactor.held = []
    work, done = OneAtATime(reactor), []

    def note(result: Any) -> None:
        done.append(result)

    first: Deferred[str] = work.run(lambda: "first")
    second: Deferred[str] = work.run(lambda: "second")
    for one in (first, second, work.ended()):
        one.addBoth(note)
    assert len(reactor.held) == 1
    reactor.held[0](True, "first")
    assert done == ["first"] and len(reactor.held) == 2
    reactor.held[1](True, "second")
    assert {*done} == {"first", "second", None}
