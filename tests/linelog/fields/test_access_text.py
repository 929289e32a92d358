"""Many lines at once: the same that a record says of each."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.access_text import AccessReader
from logsrv.linelog.fields.record import Record
from tests.parts.examples import more
from tests.parts.stores import line

NAMES = (
    "vhost",
    "vhost_port",
    "client",
    "user",
    "method",
    "path",
    "protocol",
    "status",
    "bytes",
    "referer",
    "agent",
)
PARTS = st.tuples(
    st.sampled_from(["1.2.3.4", "shop.example:443 ::1", "_ localhost", "a b", "- [::1]:7", "w: ::1",
                     "{", "{x", "<11>", "[error]", "é", "\udcff", "ERROR"]),
    st.sampled_from(["-", "bob", "ERROR", "[warn]", "\\"]),
    st.sampled_from(["20/Nov/2026:06:00:02 +0000", "20/Nov/2026:06:00:02", "20/Nov/2026:error", "x"]),
    st.sampled_from(["GET /a HTTP/1.1", "GET /a b", "", "-", 'P \\"q\\" HTTP/2', "\\", "GET /[error] x"]),
    st.sampled_from(["200 5", "404 -", "20 5", "500 12x", "500"]),
    st.sampled_from(["", ' "-" "-"', ' "" "a \\\\ b"', ' "r" "a" more', ' "r"', "x", ' "r" "a"x',
                     " rt=b", ' "r" "a" rt="b c" user=x', ' "r" "a" "z rt=1"', ' z, rt=, x=1',
                     ' "r" "a" "rt=1 rt="']),
)  # fmt: skip
MESSAGES = st.one_of(
    PARTS.map(lambda part: '{} - {} [{}] "{}" {}{}'.format(*part)),
    st.sampled_from(["", "text", '{"status": 5}', "status=5 user=x", "<11>1 - - a - - - b"]),
)


@pytest.mark.slow
@more(3)
@given(st.lists(MESSAGES, min_size=1, max_size=6), st.sets(st.sampled_from(NAMES), min_size=1))
def test_fields_are_those_of_records(messages, chosen):
    every = [line(message.encode("utf-8", "surrogateescape")) for message in messages]
    names = [*sorted(chosen), "rt", "syslog.a"]
    found, unread = AccessReader(names).read(b"".join(every))
    others = dict(unread)
    assert [names[place] for place, _ in found] == names[:-1]
    assert all(len(column) == len(every) for _, column in found)
    for number, stored in enumerate(every):
        record = Record(stored[:-1])
        if number in others:
            assert others[number] == stored
            continue
        assert record.kind == "access"
        assert [column[number] for _, column in found] == [
            # A pair of that name is not looked at.
            None if record.get(name) == "x" else record.get(name)
            for name in names[:-1]
        ]


def test_usual_lines_of_access_logs_are_read_together():
    usual = line('1.2.3.4 - u [20/Nov/2026:06:00:02 +0000] "GET / HTTP/1.1" 200 5 "-" "curl"')
    found = AccessReader(["status", "fields.path"]).read(usual * 3)
    assert found == ([(0, ["200"] * 3), (1, ["/"] * 3)], [])
