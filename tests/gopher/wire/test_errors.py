"""Each thing that can go wrong has its own exit status and a sentence that is safe to print."""

from __future__ import annotations

import pytest

from logsrv.gopher.wire import errors
from logsrv.gopher.wire.errors import GopherError
from logsrv.kit.text.escape import one_line

EVIL = "\x1b]0;owned\a\r\nnext"
ALL = [
    errors.BadURL(EVIL, "it is wrong"),
    errors.ServerError(EVIL),
    errors.UnknownHost(EVIL),
    errors.Refused(EVIL),
    errors.TimedOut(EVIL, "first byte", 3),
    errors.Truncated(EVIL, 5, EVIL),
    errors.TooBig("the menu", 5),
    errors.NotGopher("HTTP", "try a browser"),
    errors.TLSError(EVIL, EVIL),
    errors.ProxyError(EVIL, EVIL),
]


def test_every_error_can_be_told_from_the_others_by_status_and_code() -> None:
    ours = {one for one in GopherError.__subclasses__() if one.__module__ == errors.__name__}
    assert {type(error) for error in ALL} == ours
    assert len({error.exit_status for error in ALL}) == len(ALL)
    assert len({error.code for error in ALL}) == len(ALL)
    assert all(0 < error.exit_status < 64 for error in ALL)


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.code)
def test_no_sentence_carries_what_an_outsider_wrote_unescaped(error: GopherError) -> None:
    assert str(error) == one_line(str(error))


@pytest.mark.parametrize("phase", ["connect", "first byte", "next byte", "whole"])
def test_a_time_out_says_what_was_waited_for(phase: errors.Phase) -> None:
    assert str(errors.TimedOut("h:70", phase, 2.5)).startswith("h:70 ")
    assert str(errors.TimedOut("h:70", phase, 2.5)).endswith(" within 2.5 seconds")
