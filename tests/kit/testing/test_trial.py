"""A trial tells of whatever fails in it, and has conversations with the plugin on trial."""

from __future__ import annotations

import pytest

from logsrv.kit import LineProtocol
from logsrv.kit.testing import MemoryService
from logsrv.kit.testing.trial import Trial, shown


class Shout(LineProtocol):
    def line_received(self, line: str) -> None:
        if line == "raise":
            raise RuntimeError("as asked")
        self.send_line(line.upper())


TRIAL = Trial(lambda: MemoryService(Shout), "shout", same=True, apart=True)


def test_an_answer() -> None:
    assert TRIAL.answer(b"hello\n") == b"HELLO\r\n"


def test_a_failure_is_one_sentence_with_the_input() -> None:
    with pytest.raises(
        AssertionError, match=r"^shout fails on b'raise\\n': RuntimeError: as asked$"
    ):
        TRIAL.answer(b"raise\n")


def test_what_is_expected() -> None:
    with pytest.raises(AssertionError, match="shout answers otherwise: 1 instead of 2"):
        TRIAL.expect(2, 1, "answers otherwise")
    Trial(TRIAL.start, "dice", same=False, apart=True).expect(2, 1, "answers otherwise")


def test_long_bytes_are_shortened() -> None:
    assert shown(b"x" * 80) == repr(b"x" * 80)
    assert shown(b"x" * 200).endswith("(200 bytes)")
