"""The stamp ends where the message begins."""

from logsrv.linelog.fields.stamp import STAMP, TIME_LENGTH


def test_a_stamp_is_time_and_source():
    line = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 a message"
    found = STAMP.match(line)
    assert found is not None and line[found.end() :] == b"a message"
    assert line[TIME_LENGTH:].startswith(b"web@")
    assert STAMP.match(b"2026-11-20 06:18:42 no stamp of ours") is None
