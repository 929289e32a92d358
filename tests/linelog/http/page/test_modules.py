"""Modules of the page one by one, in a browser: what they return for what they are given."""

import json
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from logsrv.linelog.query.field_names import field_as_written
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.tables.shown_numbers import format_of
from tests.linelog.http.page.conftest import Open

pytestmark = pytest.mark.long
Call = Callable[..., Any]


@pytest.fixture
def call(visit: Open) -> Call:
    """`call("query.js", "withTerm", "a", …)` calls a function of a module."""
    page = visit()

    def function(module: str, name: str, *arguments: object) -> Any:
        given = json.dumps(arguments)
        later = "import('/static/table.js').then(({add}) => void add(modules))"
        return page.run(
            f"import('/static/main.js').then(({{modules}}) => {later}"
            f".then(() => modules['{module}'].{name}(...{given})))"
        )

    return function


def test_a_term_is_added_once_and_its_opposite_removed(call):
    """A term is added once; its opposite goes; what OR binds less is put into brackets."""
    for query, exclude, expected in (
        ("", False, "app=sshd"),
        ("", True, "-app=sshd"),
        ("x", False, "x app=sshd"),
        ("app=sshd x", False, "app=sshd x"),
        ("-app=sshd x", True, "-app=sshd x"),
        ("-app=sshd x", False, "x app=sshd"),
        ("x app=sshd", True, "x -app=sshd"),
        ("a OR b", False, "(a OR b) app=sshd"),
        ("app=cron", True, "app=cron -app=sshd"),
        ("NOT app=sshd", False, "app=sshd"),
        ("x NOT app=sshd y", False, "x y app=sshd"),
        ("-app=sshd /a  b/", False, "/a  b/ app=sshd"),
        ("app=sshd OR x", True, "(app=sshd OR x) -app=sshd"),
        ("a OR x app=sshd", True, "(a OR x app=sshd) -app=sshd"),
        ("x AND app=sshd", True, "x -app=sshd"),
        ("app=sshd AND x", True, "x -app=sshd"),
        ("x AND NOT app=sshd AND y", False, "x AND y app=sshd"),
        ("-(app=sshd) x", False, "-(app=sshd) x app=sshd"),
        ("-(x app=sshd)", False, "-(x app=sshd) app=sshd"),
    ):
        assert call("query.js", "withTerm", query, "app", "sshd", exclude) == expected
    for value, quoted in (
        ("a b", '"a b"'),
        ('say "x"', '"say \\"x\\""'),
        ("*", '"*"'),
        ("", '""'),
        ("(", '"("'),
        ("C:\\x", '"C:\\\\x"'),
        ("é/1", "é/1"),
    ):
        assert call("query.js", "withTerm", "", "f", value, False) == f"f={quoted}"


def test_a_term_for_any_value_is_none_for_an_asterisk(call):
    for query, value, exclude, expected in (
        ("", None, True, "-app=*"),
        ("x", None, False, "x app=*"),
        ("-app=*", None, True, "-app=*"),
        ("-app=* x", None, False, "x app=*"),
        ("app=*", "*", True, 'app=* -app="*"'),
        ('-app="*"', None, False, '-app="*" app=*'),
    ):
        assert call("query.js", "withTerm", query, "app", value, exclude) == expected
    extracted = '| extract "<ms> s" | where -ms=*'
    found = call("stages.js", "withCondition", extracted, "ms", None, False)
    assert found == '| extract "<ms> s" | where ms=*'


def test_the_texts_that_a_line_must_contain_are_marked(call):
    """Words, phrases and expressions that a line has to have; not those that it may not have."""
    for query, texts, regexes in (
        ("timeout -login", ["timeout"], []),
        ('"a b" NOT c d', ["a b", "d"], []),
        ("-(a b) c", ["c"], []),
        ("a OR b AND c", ["a", "b", "c"], []),
        (r"/user=\d+/ x", ["x"], [r"user=\d+"]),
        (r"/a\/b/", [], ["a/b"]),
        ("/var/log", ["/var/log"], []),
        ("http://x level=error app:ssh", ["http://x"], []),
        ("12:30:45 10.0.0.1:8080", ["12:30:45", "10.0.0.1:8080"], []),
        ('"unfinished', ["unfinished"], []),
        ("`Request Path`=x a/b=c größe:d `users` e/http://f", ["`users`", "e/http://f"], []),
        ("a `unfinished name", ["a"], []),
        ("NOT NOT x -", ["x", "-"], []),
    ):
        assert call("stages.js", "wanted", query) == {"texts": texts, "regexes": regexes}, query


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
        f"""import('/static/main.js').then(({{ modules }}) => {{
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


def test_an_integer_keeps_its_digits(call):
    """Those of ids and of nanoseconds are more than a number of JavaScript has."""
    for text, value in (
        ('{"id":1175928847299117063,"n":[-9007199254740993,5]}',
         {"id": "1175928847299117063", "n": ["-9007199254740993", 5]}),
        ('{"id":1175928847299117063,"m":"a\\",\\"b,1175928847299117063,"}',
         {"id": "1175928847299117063", "m": 'a","b,1175928847299117063,'}),
        ('[0.12345678901234567,1234567890123456,1234567890123456789e3]',
         [0.12345678901234567, 1234567890123456, 1.234567890123456789e21]),
    ):  # fmt: skip
        assert call("api.js", "parseJson", text) == value


def test_stages_of_a_query_are_known(call):
    """The kind of answer, the query for its lines, coloured words, added conditions."""
    timed = '"a | b" /c|d/ | extract "took <ms> ms" | where ms>5'
    for query, kind, lines in (
        ("a |b c| d", "lines", "a |b c| d"),
        (timed, "lines", timed),
        (f"{timed} | sort ms | limit 3", "ordered", timed),
        ("| limit 3", "limit", ""),
        ("x | sample 20", "ordered", "x"),
        ("x | count by app | limit 3", "table", "x"),
        ("x | p95 ms every 5m", "table", "x"),
        ("x | where a>1 | count_distinct b | where b>2", "table", "x | where a>1"),
        ("x | patterns by app | limit 3", "lines", "x"),
        ("x |", "lines", "x"),
        ("`a | count by b`=1 | sort `c | d`", "ordered", "`a | count by b`=1"),
        ("x | count by a,`b | limit 3`", "table", "x"),
    ):
        assert call("stages.js", "kindOf", query) == kind, query
        assert call("stages.js", "asLines", query) == lines, query
    assert call("stages.js", "limitOf", "x | sample 20") == 20
    assert call("stages.js", "limitOf", "x | sort ms | limit 30") == 30
    query = "x y | avg ms, count every 5m by app, by"
    words = [query[start:end] for start, end in call("stages.js", "wordsOfStages", query)]
    assert words == ["|", "avg", "count", "every", "by"]
    for query, field, expected in (
        ("| count by app", "app", "app=1 | count by app"),
        ("x | count by app", "app", "x app=1 | count by app"),
        (f"{timed} | sort ms", "ms", f"{timed.replace('ms>5', 'ms=1 | where ms>5')} | sort ms"),
        ('| extract "<ms> s" | where -ms=1', "ms", '| extract "<ms> s" | where ms=1'),
    ):
        assert call("stages.js", "withCondition", query, field, "1", False) == expected
    assert call("stages.js", "withOnly", "x y=1 | where z | count by app", "app", "a b") == (
        'app="a b" | count by app'
    )
    query = "x | avg `a by b` by `by`,`every`, count every 1m"
    words = [query[start:end] for start, end in call("stages.js", "wordsOfStages", query)]
    assert words == ["|", "avg", "by", "count", "every"]
    assert call("stages.js", "pastOf", "x | count by `a compare 1d` compare 1w") == "1w"
    assert call("stages.js", "pastOf", "x | count by `a compare 1d`") == ""
    assert call("stages.js", "withCondition", "x", "Request Path", "a b", True) == (
        'x -`Request Path`="a b"'
    )
    query = "a | where b -c | count by d | where e"
    assert call("stages.js", "wanted", query)["texts"] == ["a", "b"]


def test_a_stage_is_completed_by_what_can_stand_there(call):
    for query, kind, typed, words in (
        ("x | so", "word", "so", "extract"),
        ("x | ", "word", "", "extract"),
        ("x | sort ", "name", "", ""),
        ("x | sort ms ", "word", "", "asc"),
        ("x | avg m", "name", "m", ""),
        ("x | avg ms ", "word", "", "by"),
        ("x | avg ms, co", "word", "co", "count"),
        ("x | avg ms by app,", "name", "", ""),
        ("x | avg ms by app ", "word", "", "every"),
        ("x | avg ms by app every ", "word", "", "1m"),
        ("x | avg ms by app every 1h ", "word", "", "compare"),
        ("x | count compare ", "word", "", "1d"),
        ("x | count every ", "word", "", "1m"),
        ("x | patterns ", "word", "", "by"),
        ("x | patterns by app ", "word", "", "since"),
        ("x | patterns since ", "word", "", "1h"),
        ("x | sam", "word", "sam", "extract"),
        ("x | where app=ss", "value", "ss", ""),
        ("x | where ap", "field", "ap", ""),
        ("x ap", "field", "ap", ""),
        ("x größ", "field", "größ", ""),
        ("x a.b/c", "field", "a.b/c", ""),
        ("x `Request Pa", "field", "Request Pa", ""),
        ("x `Request Path`=/a", "value", "/a", ""),
        ("x | count by `Request Pa", "name", "Request Pa", ""),
        ("x | count by `a | b`, `c d` ev", "word", "ev", "every"),
        ("x | sort `a``b", "name", "a`b", ""),
        ("x | where `a b`=c", "value", "c", ""),
        ("x | count by app | sort ", "figure", "", ""),
        ("x | count by app | where cou", "figure", "cou", ""),
        ("x | count by app | where app=ss", "value", "ss", ""),
        ("x | count as n | let share = n", "figure", "n", ""),
        ("x | count as n | let share = 2 * (", "figure", "", ""),
    ):
        piece = call("stages.js", "pieceOfQuery", query, len(query))
        assert (piece["kind"], piece["typed"]) == (kind, typed), query
        assert (piece.get("words") or [""])[0] == words, query
        assert piece["end"] == len(query)
    assert call("stages.js", "pieceOfQuery", 'x | extract "a', 14) is None
    for query in (
        "x | sample 2",
        "x | count | let a",
        "x | count | let a = count ",
        "x | count | where count=5",
    ):
        assert call("stages.js", "pieceOfQuery", query, len(query)) is None, query


def test_figures_are_known_by_the_names_of_their_columns(call):
    for stages, names in (
        ("count by app", ["app", "count"]),
        (
            'avg ms, p95 ms as slow, count if (a=1 or b="),") as n by app,`a b` every 5m',
            ["app", "a b", "avg_ms", "slow", "n"],
        ),
        ("count if (app=x by) every 1h compare 1d", ["count_if"]),
        ("sum ms as a | let b = a / 2 | sort b", ["a", "b"]),
        ("sort ms", []),
    ):
        query = f"x | {stages} | where "
        assert call("stages.js", "figuresBefore", query, len(query)) == names, stages


def test_colours_of_a_terminal_become_class_names(call):
    """Of what a terminal obeys, the colours; the nearest of eight."""
    for message, expected in (
        (r"a\x1b[31mb\x1b[0mc", [("a", ""), ("b", "fg-red"), ("c", "")]),
        (r"\x1b[1;92;44mx", [("x", "fg-green bg-blue")]),
        (r"\x1b[38;5;196mx\x1b[39my", [("x", "fg-red"), ("y", "")]),
        (r"\x1b[38;2;10;200;250mx", [("x", "fg-cyan")]),
        (r"\x1b[2Jx\x1b]0;t", [(r"\x1b[2Jx\x1b]0;t", "")]),
        (r"\x1b[38;5m\x1b[;;;mx\x1b[999mz", [("x", ""), ("z", "")]),
        ("a\u202eb\x1b", [("a", ""), ("\\u202e", "escaped"), ("b", ""), ("\\x1b", "escaped")]),
    ):
        runs = call("text.js", "runs", message)
        assert [(run["text"], run["style"]) for run in runs] == expected, message


def test_positions_are_ordered_by_number(call):
    """By number, not by letter."""
    assert call("position.js", "compare", "9:1", "10:0") < 0
    assert call("position.js", "compare", "2:1000", "2:999") > 0
    assert call("position.js", "compare", "2:7", "2:7") == 0
    assert not call("position.js", "isPosition", "x:1")
    assert call("position.js", "compare", "audit/9:1", "audit/10:0") < 0
    # Of one time, as nothing is known of the lines: in the order in which the server has them.
    assert call("position.js", "compare", "9:1", "fw/1:0") < 0
    assert call("position.js", "compare", "fw/9:1", "audit/1:0") < 0
    assert call("position.js", "isPosition", "audit/17:52311")
    assert not call("position.js", "isPosition", "a/b/1:2")


def test_the_lag_of_targets_is_put_into_words(call):
    def metrics(name: str, up: int, lines: int, size: int, seconds: float) -> str:
        figures = {"up": up, "lag_lines": lines, "lag_bytes": size, "lag_seconds": seconds}
        told = [f'logsrv_ship_{what}{{target="{name}"}} {one}' for what, one in figures.items()]
        return "\n".join(["# HELP logsrv_ship_up x", *told, ""])

    well = metrics("a", 1, 0, 0, 0.0) + metrics("b-2", 1, 7, 900, 0.2)
    found = call("health.js", "shipped", well)
    assert found["said"] == "shipped to 2 targets"
    assert found["each"] == "a: has all\nb-2: 7 lines, 900 bytes, 0 s behind"
    found = call("health.js", "shipped", well + metrics("c", 0, 12345, 2 << 20, 61.4))
    assert found["said"] == "c takes nothing: 12,345 lines, 2.0 MiB, 61 s behind"
    worse = metrics("d", 1, 9, 1_000_000, 2500.0) + metrics("e", 0, 0, 0, 0)
    found = call("health.js", "shipped", worse)
    assert found["said"] == "d: 9 lines, 977 KiB, 2,500 s behind, and 1 more"
    assert found["each"].endswith("\ne takes nothing: has all")
    rule = metrics("a", 1, 3, 90, 0.0).replace("{target", '{rule="audit",target')
    found = call("health.js", "shipped", well + rule)
    assert found["said"] == "shipped to 2 targets"
    assert found["each"].endswith("\na (stores/audit): 3 lines, 90 bytes, 0 s behind")
    assert call("health.js", "shipped", "logsrv_x 1\n") == {"said": "", "each": ""}


def test_sizes_and_numbers_are_readable(call):
    for size, text in ((0, "0 bytes"), (1536, "1.5 KiB"), (200 << 30, "200 GiB")):
        assert call("times.js", "size", size) == text
    assert call("times.js", "counted", 1, "line") == "1 line"
    assert call("times.js", "counted", 12345, "line") == "12,345 lines"


def test_a_figure_is_short_however_small_or_large_it_is(call):
    """Texts of digits are integers that a browser's numbers cannot hold."""
    for value, shown in (
        (1e-300, "1e-300"),
        (-2.5e-9, "−2.5e-9"),
        (0.0000123, "0.0000123"),
        (0, "0"),
        (1.18e18, "1.18e+18"),
        (-1.5e300, "−1.5e+300"),
        (123_456_789_012.25, "123,456,789,012.25"),
        (9_007_199_254_740_991, "9,007,199,254,740,991"),
        ("18446744073709551615", "18,446,744,073,709,551,615"),
        ("-9007199254740993", "−9,007,199,254,740,993"),
    ):
        assert call("times.js", "figure", value) == shown


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


def test_numbers_of_a_column_that_a_browser_cannot_hold(call):
    """Integers are exact, however large; others have no digits that are not known."""
    for numbers, shown in (
        (["18446744073709551615", 1], ["18,446,744,073,709,551,615", "1"]),
        (["-9007199254740993", 0.5], ["−9,007,199,254,740,993.0", "0.5"]),
        ([1e-300, 2e-300], ["1e-300", "2e-300"]),
        ([-1.5e300], ["−1.5e+300"]),
    ):
        found = call("units.js", "formatOf", numbers, "")
        assert [call("units.js", "shown", one, found) for one in numbers] == shown
    assert (
        call("units.js", "shownChange", 0.5, {"size": 1, "decimals": 2, "unit": "s"}) == "+0.50 s"
    )
    assert [call("units.js", "percent", one) for one in (0, 1, 0.256, 0.0125, 0.00001)] == [
        *("0 %", "100 %", "26 %", "1.3 %", "< 0.1 %")
    ]


def test_a_range_under_a_second_has_different_ends(visit):
    page = visit()
    for since, until, shown in (
        ("06:12:56.120", "06:12:56.87", "20 Nov 06:12:56.120 – 06:12:56.870"),
        ("06:12:56.120", "06:12:57.2", "20 Nov 06:12:56 – 06:12:57"),
    ):
        ends = ", ".join(f"new Date('2024-11-20T{one}Z')" for one in (since, until))
        span = f"import('/static/main.js').then(({{modules}}) => modules['times.js'].span({ends}))"
        assert page.run(span) == shown


def test_a_line_of_search_and_stream_is_shown_once(visit):
    """What a search and the stream both bring is shown once, in the order of the store."""
    page = visit()
    shown = page.run(
        """import('/static/main.js').then(({ modules }) => {
            const [a, b] = [modules['lines.js'], modules['highlight.js']];
            const log = document.createElement('div');
            const lines = new a.Lines(log, log, new b.Highlighter(), () => {});
            const line = (offset) => ({ position: `1:${offset}`, time: '2026-11-20T06:18:42.123456Z',
              source: 'x', message: String(offset), level: null, fields: {} });
            lines.append([line(200), line(300)]);
            lines.append([line(300), line(400)]);
            lines.prepend([line(100), line(200)]);
            lines.insert([line(250), line(300), line(500)]);
            return [...log.children].map((one) => one.dataset.position);
        })"""
    )
    assert shown == [f"1:{offset}" for offset in (100, 200, 250, 300, 400, 500)]


def test_lines_before_an_error_of_a_search_are_shown(visit):
    """The lines that came with the sentence are shown before it."""
    found = visit().run("""import('/static/main.js').then(async ({ modules: { 'api.js': { search } } }) => {
        window.fetch = async () => new Response('{"position": "1:0"}\\n{"error": "too long"}\\n');
        const found = [];
        try {
            for await (const group of await search({})) found.push(...group);
        } catch (error) { found.push(error.message); }
        return found;
    })""")
    assert found == [{"position": "1:0"}, "too long"]


def test_percentages_say_0_and_100_only_if_exact(call):
    """None and all are said only where it is none and all."""
    for lines, sampled, said in (
        (7, 20, "7"),
        (0, 5000, "0 %"),
        (1, 5000, "< 1 %"),
        (2500, 5000, "50 %"),
        (4999, 5000, "> 99 %"),
        (5000, 5000, "100 %"),
    ):
        assert call("fields.js", "share", lines, sampled) == said


def test_a_list_of_values_is_one_condition(call):
    """Of a list nothing is marked in messages or offered, and it stays when a term is added."""
    query = 'a status in (500, "5 2") -app in(x) b'
    found = call("query.js", "atoms", query)
    assert [(one["kind"], one.get("field"), query[one["start"] : one["end"]]) for one in found] == [
        ("word", None, "a"),
        ("field", "status", 'status in (500, "5 2")'),
        ("field", "app", "app in(x)"),
        ("word", None, "b"),
    ]
    assert [one["negated"] for one in found] == [False, False, True, False]
    assert call("query.js", "withTerm", query, "app", "x", False) == f"{query} app=x"
    for unfinished in ("status in (", "status in (500, ", 'status in ("a b'):
        assert [one["operator"] for one in call("query.js", "atoms", unfinished)] == ["in"]
    assert [one["text"] for one in call("query.js", "atoms", "logged in as")] == [
        "logged",
        "in",
        "as",
    ]
    assert call("stages.js", "sortOf", "a | sort time asc") == ""
    assert call("stages.js", "sortOf", "a | sort ms asc") == "ms"
