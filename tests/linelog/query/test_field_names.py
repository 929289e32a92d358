"""Names of fields in queries: which stand as they are, which need backticks, and both are read alike."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.errors import QueryError
from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.fields.parsed_line import ALWAYS
from logsrv.linelog.query.field_names import (
    field_as_written,
    field_names,
    one_field_name,
    plain_field_names,
    read_field,
)
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.query.query_need import need_of_query
from logsrv.linelog.query.question import Compare, HasField, Not
from logsrv.linelog.query.text_search.literals import AllOf, Literal, Need
from logsrv.linelog.stages.figures import Figures
from logsrv.linelog.stages.sort import Sorting
from logsrv.linelog.stages.where import RowFilter
from tests.parts.commands import logsrv
from tests.parts.stores import line, lines, make_store

ODD = (
    "",
    "Request Path",
    "`",
    "``",
    "a`b",
    "`a b`",
    "a\x00b",
    "\x00",
    "a\nb",
    'say "hi"',
    "back\\slash",
    "a | b",
    "(x)",
    "5xx",
    "-x",
    ".x",
    "/var/log",
    "a=b",
    "a:b",
    "http://x",
    "\u00a0",
    "a\u2028b",
    "\u0663",
    "a\u2013b",
    "x²!",
    "by",
    "asc",
    "desc",
    "AND",
    "OR",
    "NOT",
    "a,b",
    " a ",
    "\U0001f600",
    "\u0301e",
)
names = st.one_of(
    st.sampled_from(ODD),
    st.text('ab`\x00\n" |/\\=:é漢()-.,@_\u0301\u00a0', max_size=6),
    st.text(max_size=12),
)


@pytest.mark.parametrize(
    "name",
    [
        "a",
        "_",
        "@timestamp",
        "größe",
        "漢字",
        "имя",
        "नाम",
        "e\u0301te\u0301",
        "a٣",
        "x-y_z.1@2",
        "kubernetes.labels.app.kubernetes.io/name",
        "and",
        "ANDROID",
    ],
)
def test_names_that_stand_as_they_are(name):
    assert field_as_written(name) == name
    assert parse(f"{name}=x") == Compare(name, "=", "x")


@pytest.mark.parametrize("name", ODD)
def test_names_that_stand_in_backticks(name):
    assert field_as_written(name) == "`" + name.replace("`", "``") + "`"


@given(names)
@example("\ud800")
def test_what_writes_a_name_into_a_query_is_read_as_this_name_everywhere(name):
    written = field_as_written(name)
    assert read_field(f"{written} x", 0) == (name, len(written))
    if name in ("program", "programname", "appname", "procid"):
        return
    for op in ("=", "!=", ":"):
        assert parse(f"{written}{op}x") == Compare(name, op, "x")
    assert parse(f"-{written}=*") == Not(HasField(name))
    assert parse(f'{written}="a b"') == Compare(name, "=", "a b")
    assert field_names(f"time, {written} ,app") == ["time", name, "app"]
    assert plain_field_names(written) == [one_field_name(written)] == [name]
    if name and name != "position":
        _check_stages(name, written)


def _check_stages(name: str, written: str) -> None:
    for stage in (f"sort {written}", f"sort by {written} desc", f"sort desc {written}"):
        assert parse_question(f"x | {stage}").answer == Sorting(name)
    table = parse_question(f"| count,count_distinct {written} every 1m by app,{written}").answer
    assert isinstance(table, Figures)
    assert table.by == (("app", name) if name != "app" else ("app",))
    assert table.grouping.figures[1].field == name
    asked = parse_question(f"| count by {written} | where {written} = 5 | sort {written}")
    assert asked.row_stages == (RowFilter(Compare(name, "=", "5")), Sorting(name))
    condition = parse_alert(f"x | where {written}=1 | count>5 in 5m by {written}").condition
    assert condition is not None and condition.by == (name,)


@given(names)
def test_a_name_is_found_however_json_writes_its_key(name):
    """What a query looks for first is in each line that has the field."""
    if name in ALWAYS:
        return
    raw, escaped = json.dumps(name, ensure_ascii=False), json.dumps(name)
    keys = {
        raw,
        escaped,
        raw.replace("/", "\\/"),
        escaped.replace("/", "\\/", 1),
        _all_escaped(name),
    }
    for message, asked in (
        *((f'{{{key}:"shop"}}', name) for key in keys),
        *((f'{{"a":{{{key} : ["shop"]}}}}', f"a.{name}") for key in keys),
    ):
        text = line(message)
        for test in ("=shop", "!=x", "=*"):
            node = parse(f"{field_as_written(asked)}{test}")
            matcher = make_matcher(node)
            assert [*matcher.find(text)] == [(0, len(text) - 1)], (message, test)
            need = need_of_query(node)
            assert need is None or _has(need, text), (message, test)


def _all_escaped(name: str) -> str:
    units = name.encode("utf-16-be").hex()
    return '"' + "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + '"'


def _has(need: Need, text: bytes) -> bool:
    if isinstance(need, Literal):
        return need.text in (text.lower() if need.ignore_case else text)
    found = [_has(part, text) for part in need.parts]
    return all(found) if isinstance(need, AllOf) else any(found)


@pytest.mark.parametrize(
    ("parse_", "query", "at"),
    [
        (parse, "`", 1),
        (parse, "x `a b=y", 3),
        (parse, "-`a", 2),
        (parse, "x (`a``=y)", 4),
        (parse, "```=x", 1),
        (parse, "`a\x00b", 1),
        (parse, "`Request Path`", 1),
        (parse, "x `Request Path`: y", 3),
        (parse, "`a b`.`c`=x", 1),
        (parse, '`a"b`', 1),
        (parse, "`a`=", 5),
        (parse_question, "| count by `a", 12),
        (parse_question, "| count by ``", 12),
        (parse_question, "| sort `a", 8),
        (parse_question, "| avg `a b", 7),
        (parse_question, "| count by app, `a", 17),
        (parse_question, "| count by app | where `a = 5", 24),
        (parse_question, "| count by app | sort `a", 23),
        (parse_question, "| where `a = 5", 9),
        (parse_question, "| count by a\u2013b", 12),
        (parse_question, "| sort `a` `b` `c`", 16),
        (parse_alert, "| count > 5 in 5m by `a", 22),
    ],
)
def test_a_wrong_name_has_an_error_with_its_index(parse_, query, at):
    with pytest.raises(QueryError) as caught:
        parse_(query)
    assert caught.value.at == at, str(caught.value)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b", ["a", "b"]),
        (" a , `b c` ,`d,e`", ["a", "b c", "d,e"]),
        ("```a```,größe,x/y", ["`a`", "größe", "x/y"]),
    ],
)
def test_a_list_of_names(text, names):
    assert plain_field_names(text) == field_names(text) == names


@pytest.mark.parametrize("text", ["`a", "a,`b", "`a` b", "`a``", "`", "a,`b`c"])
def test_a_wrong_list_of_names(text):
    for read in (plain_field_names, field_names, one_field_name):
        with pytest.raises(ValueError, match="backtick"):
            read(text)


def test_a_name_without_backticks_in_a_list_for_queries_says_how_it_is_written():
    assert field_names("Request Path, b") == ["Request Path", "b"]
    with pytest.raises(ValueError, match="`Request Path`"):
        plain_field_names("Request Path")


def test_the_labels_of_kubernetes_are_found_in_a_terminal(tmp_path):
    label = "kubernetes.labels.app.kubernetes.io/name"
    messages = [
        '{"kubernetes":{"labels":{"app.kubernetes.io/name":"shop","größe":5}},"Request Path":"/a"}',
        '{"kubernetes":{"labels":{"app.kubernetes.io\\/name":"cart"}},"Request Path":"/a b"}',
        "src/main.rs:12 panicked",
    ]
    store = make_store(tmp_path / "logs", [lines(messages)])

    def said(*words: str) -> str:
        done = logsrv("search", "--directory", str(store), *words)
        return (done.stdout + done.stderr).decode()

    assert "shop" in said(f"{label}=shop") and "cart" in said(f"{label}:car")
    assert said("-c", "`Request Path`=*") == "2\n"
    assert said("-c", "kubernetes.labels.größe>4") == "1\n"
    for top in ("Request Path", "`Request Path`"):
        assert said("--top", top).count("/a") == 2
    assert "2" in said(f"| count_distinct {label}")
    rows = said(f"| count by {label},`Request Path` | where {label}=shop | sort count")
    assert rows.count("shop") == 1 and "cart" not in rows
    assert "sum_kubernetes" in said(
        "--by", f"`Request Path`,{label}", "--sum", "kubernetes.labels.größe"
    )
    columns = said("--output", "csv", "--columns", f"`Request Path`,{label}", "shop")
    assert columns == f"Request Path,{label}\n/a,shop\n"
    hint = said("src/main.rs:12")
    assert 'the text stands in quotation marks: "src/main.rs:12"' in hint
    assert "(did you mean `Request Path`?)" in said("--top", "Request Pat")
    assert said("x `a b=y").endswith("  x `a b=y\n    ^\n")
