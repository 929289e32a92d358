"""Parsers that are not installed everywhere."""

import pytest

from logsrv.linelog.framing.bodies.bodies import RequestRefused
from logsrv.linelog.framing.bodies.extras import import_extra, parse_protobuf


def test_a_missing_parser_is_told_in_a_sentence():
    with pytest.raises(
        RequestRefused, match=r"pushes need pip install 'logsrv\[senders\]'"
    ) as refused:
        import_extra("no_such_module_anywhere", "pushes")
    assert refused.value.status == 501


def test_a_body_that_is_no_message_is_refused():
    kind = import_extra("google.protobuf.timestamp_pb2", "it").Timestamp
    assert parse_protobuf(kind, b"\x08\x05").seconds == 5
    with pytest.raises(RequestRefused) as refused:
        parse_protobuf(kind, b"\xff\xff")
    assert refused.value.status == 400
