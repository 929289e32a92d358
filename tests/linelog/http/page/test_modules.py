"""Modules of the page one by one, in a browser: what they return for what they are given."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from logsrv.linelog.query.field_names import field_as_written
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.tables.shown_numbers import format_of
from tests.linelog.http.page.conftest import MAIN, Open

pytestmark = pytest.mark.long
Call = Callable[..., Any]


@pytest.fixture
def call(visit: Open) -> Call:
    """`call("query.js", "withTerm", "a", …)` calls a function of a module."""
    page = visit()

    def function(module: str, name: str, *arguments: object) -> Any:
        given = json.dumps(arguments)
        later = MAIN.replace("main.js", "table.js") + ".then(({add}) => void add(modules))"
        return page.run(
            f"{MAIN}.then(({{modules}}) => {later}"
            f".then(() => modules['{module}'].{name}(...{given})))"
        )

    return function


def random_names(count: int) -> list[str]:
    random = Random(7)
    letters = [*'ab`\0\n\t" |/\\=:,.-@_()5é漢\u0301\u0663\u0945\u00a0\u2028\u200d\u30fb\U0001f600']
    usual = [chr(one) for one in range(0x20, 0x2FFF) if chr(one).isprintable()]
    names = [
        "".join(random.choices(random.choice([letters, usual]), k=random.randrange(6)))
        for _ in range(count)
    ]
    any_character = [random.choice([random.randrange(0xD800), random.randrange(0xE000, 0x110000)])
                     for _ in range(count)]  # fmt: skip
    return [
        *names,
        *(f"a{chr(one)}" for one in any_character),
        "by",
        "asc",
        "desc",
        "AND",
        "OR",
        "NOT",
    ]


def test_page_and_server_write_and_read_names_of_fields_alike(visit):
    names = random_names(3000)
    by_server = [field_as_written(name) for name in names]
    by_page, read, kept = visit().run(
        f"""{MAIN}.then(({{ modules }}) => {{
            const {{ writtenField, namesOf }} = modules['field_names.js'];
            const {{ atoms, withTerm }} = modules['query.js'];
            const {{ stagesOf, sortOf }} = modules['stages.js'];
            const names = {json.dumps(names)}, written = {json.dumps(by_server)};
            const asked = names.map((name) => withTerm('x', name, 'y', true));
            const read = (name) => atoms(`-${{name}}:"a b"`)
              .map(({{ field, operator, text, negated }}) => [field, operator, text, negated]);
            return [
              names.map(writtenField),
              written.map(read),
              written.map((name, at) => [
                namesOf(`${{name}} ,b`),
                stagesOf(`x | count by a,${{name}}, c | limit 5`).length,
                sortOf(`| sort by ${{name}} asc`),
                asked[at],
                withTerm(asked[at], names[at], 'y', false),
              ]),
            ];
        }})"""
    )
    for name, server, page, atoms, (listed, stages, field, asked, opposite) in zip(
        names, by_server, by_page, read, kept, strict=True
    ):
        assert parse(f"{page}=x") == parse(f"{server}=x")
        assert atoms == [[name, ":", "a b", True]], name
        assert listed == [*([name] if name else []), "b"]
        assert (stages, field) == (3, name)
        assert parse(asked) == parse(f"x -{server}=y")
        assert opposite == f"x {page}=y"


@pytest.mark.parametrize("unit", [None, "s", "ms", "B", "KiB"])
def test_numbers_of_a_column_look_as_in_a_terminal(call, unit):
    """But for the commas between thousands, and the sign."""
    columns: list[Any] = [
        *([1.24, 0.035, 3.8111], [0.039, 0.0412], [4.2e-6], [1800, 5400], [86_400, 7], [1e6, 2e6]),
        *([12 * 1024, 3 << 20, 5 << 20], [512, 100], [0, 0], [1.5, 2], [5.25, -0.001, 6.5], []),
        *([2.0, 3.0], [0.25, 0.5], [1234.5678, -2000.0], [5.25, -1e-9, 6.5], [1 << 50, 0.5]),
    ]
    for numbers in columns:
        known = format_of(numbers, unit)
        found = call("units.js", "formatOf", numbers, unit or "")
        assert found == known._asdict()
        texts = [call("units.js", "shown", one, found) for one in numbers]
        assert [one.replace(",", "").replace("−", "-") for one in texts] == [
            known.text(one) for one in numbers
        ]


def test_a_line_of_search_and_stream_is_shown_once(visit):
    """What a search and the stream both bring is shown once, in the order of the store."""
    page = visit()
    shown = page.run(
        MAIN
        + """.then(({ modules }) => {
            const { append, insert, prepend } = modules['lines_added.js'];
            const [a, b] = [modules['lines.js'], modules['highlight.js']];
            const log = document.createElement('div');
            const lines = new a.Lines(log, log, new b.Highlighter(), () => {});
            const line = (offset) => ({ position: `1:${offset}`, time: '2026-11-20T06:18:42.123456Z',
              source: 'x', message: String(offset), level: null, fields: {} });
            append(lines, [line(200), line(300)]);
            append(lines, [line(300), line(400)]);
            prepend(lines, [line(100), line(200)]);
            insert(lines, [line(250), line(300), line(500)]);
            return [...log.children].map((one) => one.dataset.position);
        })"""
    )
    assert shown == [f"1:{offset}" for offset in (100, 200, 250, 300, 400, 500)]
