"""The query that finds the lines of a pattern."""

import pytest

from bench.patterns import stored_lines
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.figures.groups import count_lines
from logsrv.linelog.read.patterns.find import Pattern, find_patterns
from logsrv.linelog.read.patterns.pattern_query import query_of_pattern
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.store.segment import Position
from tests.parts.stores import line, make_store, view_of


@pytest.mark.parametrize(
    ("app", "template", "message", "query"),
    [
        ("", "took <n> ms", "took 5 ms", "/took -?[0-9][0-9.,]* ms$/"),
        ("", "a/b? <*>", "a/b? c", r"/a\/b\? \S+$/"),
        ("", "a  b".replace("  ", " "), "a  b", r"/a\s+b$/"),
        ("sshd", "user <*>", "<38>Nov 20 06:18:42 w sshd[7]: user x", r"app=sshd /user \S+$/"),
        ("", "sold <n>", '{"msg": "sold 5"}', "msg~/sold -?[0-9][0-9.,]*$/"),
        ("", "{cpu, level}", '{"cpu": 1, "level": 2}', "cpu=* fields.level=*"),
        ("shop", "{a, b}", '<38>Nov 20 06:18:42 w shop[1]: {"a":1,"b":2}', "app=shop a=* b=*"),
        ("", r"odd \xff <n>", b"odd \xff 5", '"odd"'),
    ],
)
def test_the_query_of_a_pattern(app, template, message, query):
    pattern = Pattern(app, template, 1, Position(1, 0), None)
    found = query_of_pattern(pattern, line(message).rstrip(b"\n"))
    if query == '"odd"':
        assert make_matcher(parse(found)).matches(line(message).rstrip(b"\n"))
    else:
        assert found == query


def test_the_query_of_a_pattern_of_two_levels_has_that_of_the_record():
    inside, first = line("  File x.py, in f").rstrip(b"\n"), line("ERROR x").rstrip(b"\n")
    pattern = Pattern("", "File x.py, in f", 1, Position(1, 0), None, "error", is_text_shared=True)
    assert query_of_pattern(pattern, inside, first).startswith("level=error ")
    assert query_of_pattern(pattern, inside) == ""


def test_the_query_of_each_pattern_finds_its_lines_and_few_others(tmp_path):
    store = make_store(tmp_path / "logs", [list(stored_lines(3000))])
    view = view_of(store)
    found = find_patterns(Search(view, make_matcher(parse("")), Scope()))
    lines = StoredLines(view)
    for one in found.patterns:
        hit = lines.line_at(one.position)
        assert hit is not None
        query = query_of_pattern(one, hit.line)
        count = count_lines(Search(view, make_matcher(parse(query)), Scope()))
        assert one.lines <= count <= one.lines + 5, (query, one, count)


def test_a_coloured_pattern_of_two_levels_has_a_query_for_each(tmp_path):
    coloured = r"\x1b[31m{}\x1b[0m job done \x1b[36muser\x1b[0m=bob"
    texts = [
        coloured.format("ERROR"),
        coloured.format("WARN"),
        "<11>job done",
        "<14>job done",
        "job done",
    ]
    view = view_of(make_store(tmp_path / "logs", [list(map(line, texts))]))
    found = find_patterns(Search(view, make_matcher(parse("")), Scope())).patterns
    assert [one.level for one in found] == ["error", "warning", "", "error", "info"]
    for one, text in zip(found, [*texts[:2], texts[4], *texts[2:4]], strict=True):
        query = query_of_pattern(one, line(text).rstrip(b"\n"))
        search = Search(view, make_matcher(parse(query)), Scope())
        assert [hit.line.removesuffix(b"\n") for hit in search.hits()][:1], query
        assert count_lines(search) == (1 if r"\x1b" in text or one.is_text_shared else 3), query


def test_the_line_breaks_of_joined_lines_are_no_numbers(tmp_path):
    texts = [*(rf"{n} bad:\x0a  at {n}\x0aEnd{n}" for n in (1, 2)), r"3 bad:\x1a  at 3\x0aEnd3"]
    view = view_of(make_store(tmp_path / "logs", [list(map(line, texts))]))
    found = find_patterns(Search(view, make_matcher(parse("")), Scope())).patterns
    assert [(one.template, one.lines) for one in found] == [
        (r"<n> bad:\x0a at <n>\x0aEnd<n>", 2),
        (r"<n> bad:\x1a at <n>\x0aEnd<n>", 1),
    ]
    for one in found:
        query = query_of_pattern(one, line(texts[one.lines % 2 * 2]).rstrip(b"\n"))
        assert count_lines(Search(view, make_matcher(parse(query)), Scope())) == one.lines


def test_a_long_pattern_is_cut_between_placeholders():
    template = "word <n> " * 100
    message = template.replace("<n>", "5").strip()
    found = query_of_pattern(Pattern("", template.strip(), 1, Position(1, 0), None), line(message))
    assert len(found) < 600
    assert make_matcher(parse(found)).matches(line(message).rstrip(b"\n"))
