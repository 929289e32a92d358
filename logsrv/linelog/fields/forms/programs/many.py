"""Messages of sshd among many: logins are read by one expression, the others one by one."""

from __future__ import annotations

from functools import lru_cache

import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.forms.line_form import LineForm
from logsrv.linelog.fields.forms.programs.one import LOGIN, SSHD_WORDS


@lru_cache(maxsize=1)
def login_form() -> LineForm:
    """Return the form of messages of sshd about logins."""
    return LineForm(LOGIN.replace(".*", r"[^\n]*").encode() + rb"[^\n]*")


_BEGIN = 4
_BEGINS = numpy.array([int.from_bytes(word[:_BEGIN].encode(), "little") for word in SSHD_WORDS],
                      numpy.uint32)  # fmt: skip


def lines_beginning_like_sshd(raw: Array, messages: Array) -> list[int]:
    """Return the numbers of the messages whose first four letters are those of a word of sshd's."""
    fours: Array = numpy.ndarray((max(0, len(raw) - _BEGIN + 1),), "<u4", raw, 0, (1,))
    known = messages[: numpy.searchsorted(messages, len(fours))]
    found: list[int] = numpy.flatnonzero(numpy.isin(fours[known], _BEGINS)).tolist()
    return found
