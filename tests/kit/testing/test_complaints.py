"""Records of a log that tell of an error."""

from __future__ import annotations

import pytest

from logsrv.kit.testing.complaints import complaints

READY = "2026-11-21T17:09:32+0000 [logsrv.kit.service.service#info] greet is ready\n"
TRACEBACK = """\
\tTraceback (most recent call last):
\t  File "a.py", line 1, in <module>
\tZeroDivisionError: division by zero
"""
FAILED = "2026-11-21T17:09:33+0000 [a.b#critical] cannot accept\n" + TRACEBACK
UNHANDLED = "2026-11-21T17:09:34+0000 [-] Unhandled error in Deferred:\n"
CRITICAL = "2026-11-21T17:09:35+0000 [a.b#critical] the disk is full\n"
PRINTED = TRACEBACK.replace("\t", "")


@pytest.mark.parametrize("record", [FAILED, UNHANDLED, CRITICAL, PRINTED])
def test_what_tells_of_an_error(record: str) -> None:
    assert complaints(READY + record + READY) == [record]


def test_a_log_in_good_order() -> None:
    warned = READY.replace("info", "warn").replace("greet", "uncritical, and handled:")
    assert complaints(READY + warned + "printed by somebody\n") == []


def test_what_was_asked_for() -> None:
    """By an expression that matches in the record, its traceback included; the others stay."""
    log = FAILED + CRITICAL + READY
    assert complaints(log, ["ZeroDivisionError"]) == [CRITICAL]
    assert complaints(log, [r"cannot \w+", "disk is full"]) == []
    assert complaints(log, ["greet is ready"]) == [FAILED, CRITICAL]
