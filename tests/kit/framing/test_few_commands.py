"""Telnet's commands in a few bytes are what they are in many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.framing.commands import parse_telnet_commands
from logsrv.kit.framing.few_commands import parse_few_telnet_commands
from tests.parts.examples import more

PRESENCE = b"\r\n[yes]\r\n"
PARTS = st.sampled_from(
    [*[bytes((code,)) for code in b"\xff\xff\xfa\xf0\xfd\xfb\xfc\xf6\xeb\xec\xf9\x1f\n\0A"],
    b"\xff\xfa", b"\xff\xfa\x1f", b"\xff\xf0", b"01234567", b"x" * 1023]
)  # fmt: skip


@pytest.mark.slow
@more(10)
@given(st.lists(PARTS, max_size=14).map(b"".join))
def test_both_ways_to_find_commands_agree(behind):
    chunk = b"\xff\xf1" + behind
    found = parse_telnet_commands(chunk)
    expected = found.data, found.unfinished, found.answers(PRESENCE, 1 << 20)
    assert parse_few_telnet_commands(chunk, PRESENCE) == expected


def test_commands_are_answered_and_data_is_kept():
    chunk = b"a\xff\xfd\x03b\xff\xff\xff\xf6\xff\xfa\x18x\xff\xf0\xff\xfe\x01c\xff\xfb\x01\xff\xfb"
    answers = b"\xff\xfc\x03" + PRESENCE + b"\xff\xfe\x01"
    assert parse_few_telnet_commands(chunk, PRESENCE) == (b"ab\xffc", b"\xff\xfb", answers)
