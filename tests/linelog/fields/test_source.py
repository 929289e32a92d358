"""Sources as the store has them, taken apart."""

import pytest

from logsrv.linelog.fields.source import Source, make_source_test, parse_source


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("tcp:127.0.0.1:51234", (None, "127.0.0.1", 51234)),
        ("web@tls:[::1]:514", ("web", "::1", 514)),
        ("web@tls:[::1]:514,dns=shop.example", ("web", "::1", 514)),
        ("tls:10.0.0.1:514,cn=a\\x20b:9@c,d:5", (None, "10.0.0.1", 514)),
        ("web-1.a@udp:10.0.0.1:514", ("web-1.a", "10.0.0.1", 514)),
        ("unix:uid=0,pid=77", (None, None, None)),
        ("local@unix:/run/a@b:12", ("local", None, None)),
        ("unix:@abstract", (None, None, None)),
        ("stdin:", (None, None, None)),
        ("whatever", (None, None, None)),
    ],
)
def test_a_source_is_parsed(source, parts):
    assert parse_source(source) == Source(*parts)


def test_a_pattern_matches_the_sources_of_stamped_lines_only():
    """A word of a line without TIME and SOURCE is never taken for its source."""
    stamped, bare = b"2026-11-20T06:18:42.123456Z tcp:10.0.0.1:5 hello", b"tcp:10.0.0.1:5 hello"
    text = stamped + b"\n" + bare
    is_of = make_source_test("tcp:10.*")
    assert is_of is not None and is_of(text, 0, len(stamped))
    assert not is_of(text, len(stamped) + 1, len(text))
    other = make_source_test("udp:*")
    assert other is not None and not other(text, 0, len(stamped))
    assert make_source_test("") is None
