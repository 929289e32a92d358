"""The errors of archives."""

from __future__ import annotations

from logsrv.linelog.store.archive.objects import ChangedObject


def test_what_was_changed_is_a_sentence_with_its_place_and_what_to_do() -> None:
    error = ChangedObject("file:///srv/a", "x/1.log.zst")
    assert error.settled
    assert str(error).startswith("x/1.log.zst in file:///srv/a is not what was archived")
    assert str(error).endswith("put it back from a copy")
