"""Random statements: neither conditions that are pushed down nor columns change an answer."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logsrv.errors import QueryError
from tests.parts.made_columns import columns_for_few_frames
from tests.parts.sql_answers import indexed, rows
from tests.parts.stores import add_columns, line, make_store

TEXTS = st.sampled_from(
    [
        "error",
        "Error",
        "kiwi",
        "\u212aiwi",
        "k\u0130wi",
        "ab",
        "xab",
        "\udcffab",
        "\udcabx",
        "ERROR",
        "n=5",
        "n=5.5",
        "n=5s",
        "n=7000ms b=2",
        "n=none",
        "a=Xyz",
        "a=xyz",
        '{"n": 7, "a": ["xyz"]}',
        '{"n": "5", "a": "xyz"}',
        "%",
        "_",
        "<11>1 - - app - - - it",
        '1.1.1.1 - u [20/Nov/2026:06:00:02 +0000] "GET / HTTP/1.1" 500 5',
        "b=1",
    ]
)
STORED = st.lists(st.lists(TEXTS, min_size=1, max_size=4).map(" ".join), min_size=1, max_size=12)
LITERALS = st.sampled_from(
    [
        "error",
        "Error",
        "kiwi",
        "KI",
        "ab",
        "b",
        "x",
        "xff",
        "\\xff",
        "xyz",
        "e",
        "",
        "r k",
        "n=5",
        "xabab",
    ]
)
ORDERS = st.sampled_from(["=", "<>", "<", ">=", ">", "<="])
CONDITIONS = st.one_of(
    st.builds("message like '%{}%'".format, LITERALS),
    st.builds("message like '{}%{}'".format, LITERALS, LITERALS),
    st.builds("message ilike '%{}%'".format, LITERALS),
    st.builds("lower(message) like '%{}_{}%'".format, LITERALS, LITERALS),
    st.builds("contains(message, '{}')".format, LITERALS),
    st.builds("starts_with(message, '{}')".format, LITERALS),
    st.builds("message = '{}'".format, LITERALS),
    st.builds("a {} '{}'".format, st.sampled_from(["=", "<>", "<", ">="]), LITERALS),
    st.builds("n {} {}".format, ORDERS, st.sampled_from(["5", "5.5", "-1", "7"])),
    st.builds("status {} 500".format, st.sampled_from(["=", "<", ">="])),
    st.builds("level {} '{}'".format, ORDERS, st.sampled_from(["error", "Error", "warn"])),
    st.sampled_from(["level in ('error', 'info')", "n in (5, 7, 9)", "a is null", "n is not null"]),
    st.builds("time {} '2026-11-20 06:00:0{}'".format, ORDERS, st.integers(0, 9)),
    st.sampled_from(["app = 'app'", "source = 'tcp:127.0.0.1:51234'", "name = 'x'"]),
)  # fmt: skip
WHERE = st.recursive(
    CONDITIONS,
    lambda part: st.one_of(
        st.builds("({} and {})".format, part, part),
        st.builds("({} or {})".format, part, part),
        st.builds("(not {})".format, part),
    ),
    max_leaves=4,
)


SELECTED = st.sampled_from(
    [
        'segment, "offset", message',
        'segment, "offset", n, a, b, status',
        "time, source, name, host, level, app, port, missing",
        "a || 'x', n + 1, position, fields",
        "a, count(*) as lines, sum(n), max(level), min(status), count(b)",
        "count(*), count(distinct a), max(n), min(lower(status))",
    ]
)


def answers(store: Path, statement: str) -> list[str]:
    """The answer with and without conditions that are pushed down; an error is the same for all."""
    found = []
    for pushed in False, True:
        view = indexed(store)
        try:
            found.append(repr(rows(view, statement, pushed=pushed)))
        except QueryError as error:
            found.append(error.sentence)
        view.close()
    return found


@pytest.mark.long
@settings(suppress_health_check=list(HealthCheck))
@given(stored=STORED, selected=SELECTED, where=WHERE)
def test_neither_what_is_left_out_nor_columns_change_an_answer(
    stored, selected, where, tmp_path_factory
):
    every = [
        line(message.encode("utf-8", "surrogateescape"), number)
        for number, message in enumerate(stored)
    ]
    middle = len(every) // 2
    segments = [every[:middle], every[middle:]] if middle else [every]
    store = make_store(tmp_path_factory.mktemp("store") / "logs", segments)
    order = "group by a order by all" if "lines" in selected else ""
    statement = f"select {selected} from logs where {where} {order}"
    found = answers(store, statement)
    add_columns(store)
    with columns_for_few_frames():
        found += answers(store, statement)
    assert len({*found}) == 1, found
