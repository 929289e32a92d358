"""One name for what every sender has, wherever its format keeps it, as docs/inputs.md says."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from logsrv.linelog.fields.known_keys import BY_NAME_OR_NUMBER, BY_NUMBER, ONLY_IN_OBJECTS
from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers
from logsrv.linelog.fields.parsed_line import ALIASES, ParsedLine, level_of
from logsrv.linelog.fields.reader import FieldReader
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.hits import Hit
from logsrv.linelog.read.render import hit_document
from logsrv.linelog.store.segment import Position
from tests.parts.counts import counted_values

PAGE = (Path(__file__).parent.parent.parent.parent / "docs" / "inputs.md").read_text()
STAMP = b"2026-11-20T06:18:42.000001Z tcp:10.0.0.1:51234 "
EACH = [(name, key) for name, keys in ALIASES.items() for key in keys]


def nested(key: str, value: object) -> dict[str, object]:
    first, _, rest = key.partition(".")
    return {first: nested(rest, value) if rest else value}


def found(query: str, line: bytes) -> bool:
    return bool(list(make_matcher(parse(query)).find(line + b"\n")))


@pytest.mark.parametrize(("name", "key"), EACH)
def test_a_query_finds_it_by_the_one_name(name, key):
    """Also before a line is parsed, by what a pass over many lines looks for."""
    for value in ("a", "shop.example", 4711, "4711"):
        for record in ({key: value}, nested(key, value)):
            line = STAMP + json.dumps({"level": "info", **record}).encode()
            assert ParsedLine(line).get(name) == value
            for query in (f"{name}={value}", f"{name}:{value}", f"{name}=*", f"{name}!=b"):
                assert found(query, line), query
            assert not found(f"{name}=b", line) and not found(f"fields.{name}=*", line)
            assert found(f"{name}>4000", line) is (str(value) == "4711")


@pytest.mark.parametrize(("name", "key"), EACH)
def test_a_field_of_that_name_comes_first(name, key):
    own = json.dumps({key: "alias", name: "own"}).encode()
    assert ParsedLine(STAMP + own).get(name) == "own"
    header = b"<13>1 2026-01-01T00:00:00Z h a 7 - - "
    expected = {"app": "a", "hostname": "h", "pid": "7", "timestamp": "2026-01-01T00:00:00Z"}
    line = STAMP + header + json.dumps({key: "alias"}).encode()
    assert ParsedLine(line).get(name) == expected[name]


# As the programs themselves wrote them, but for names and times.
PROGRAMS = [
    ('{"level":30,"time":1,"pid":7,"hostname":"h","name":"shop","msg":"hi"}', "shop"),  # pino
    (
        '{"name":"shop","hostname":"h","pid":7,"level":30,"msg":"hi","time":"","v":0}',
        "shop",
    ),  # bunyan
    ('{"time":"","level":"INFO","logger":"shop.cart","message":"hi","process":7}', "shop.cart"),
    ('{"log":"hi\\n","stream":"stdout","attrs":{"tag":"shop"},"time":""}', "shop"),  # json-file
    ('{"container_id":"0a","container_name":"/shop","source":"stdout","log":"hi"}', "/shop"),
    ('{"log":"hi","container_name":"/x7","tag":"shop"}', "shop"),  # Docker's fluentd
    (
        '{"version":"1.1","host":"h","short_message":"hi","_container_name":"shop","_tag":"0a"}',
        "shop",
    ),
    ('{"log":"hi","kubernetes":{"container_name":"shop"},"tag":"kube.var.log"}', "shop"),
    ('{"level":"info","message":"hi","service":"shop"}', "shop"),  # winston
    ('{"@timestamp":"","message":"hi","service":{"name":"shop"},"log":{"logger":"a.B"}}', "shop"),
    ('{"MESSAGE":"hi","CONTAINER_NAME":"shop","_COMM":"conmon"}', "shop"),  # Podman
]


@pytest.mark.parametrize(("message", "app"), PROGRAMS)
def test_the_program_is_found_whoever_wrote_the_record(message, app):
    """By queries, by the number of its lines, and beside the fields that are shown."""
    line = STAMP + message.encode()
    assert found(f"app={app}", line) and found(f"app:{app[1:4]}", line)
    assert counted_values("app", line + b"\n") == (1, {app: 1})
    assert hit_document(Hit(Position(1, 0), line))["app"] == app


def test_a_name_is_the_program_only_of_a_log_record():
    """What has no level is no record of a logger: its name is that of a customer, say."""
    line = STAMP + b'{"event": "signup", "name": "Ann"}'
    assert not found("app=Ann", line) and found("fields.name=Ann", line)
    assert counted_values("app", line + b"\n") == (0, {})
    assert "app" not in hit_document(Hit(Position(1, 0), line))


def written(form: str, pairs: dict[str, object]) -> bytes:
    text = " ".join(
        f'{key}="{value}"' if " " in str(value) else f"{key}={value}"
        for key, value in pairs.items()
    )
    return STAMP + form.replace("PAIRS", text).encode()


# Forms of lines with pairs, and whether a header or the log before them has the field itself.
FORMS = {
    "PAIRS": (),
    'x PAIRS, msg="it took=5 service=no"': (),
    "2026-11-20T06:18:42.123Z PAIRS x=1": (),
    "2026-11-20 06:18:42,123 INFO PAIRS": (),
    "{x PAIRS": (),
    "[x] PAIRS": (),
    "<13>PAIRS": (),
    "<13>1 - - - - - - PAIRS": (),
    "<13>Nov 20 06:18:42 web sshd[77]: PAIRS": ("app", "hostname", "pid", "timestamp"),
    "<13>Nov 20 06:18:42 cron: PAIRS": ("app", "timestamp"),
    "Nov 20 06:18:42 web sshd: PAIRS": ("app", "hostname", "timestamp"),
    "2026-11-20T06:18:42.123456789Z stdout F PAIRS": ("timestamp",),
    "web-1  | PAIRS": ("app",),
    '::1 - - [20/Nov/2026:06:18:42 +0000] "GET / HTTP/1.1" 200 5 PAIRS': (),
}


@pytest.mark.parametrize(("name", "key"), EACH)
def test_pairs_have_the_names_of_json(name, key):
    """In every form, read one by one and together, and found by a search.

    A form has another value with the next name: each name is tried with every value and in every form, and
    each form with every value.
    """
    values = ("a", "shop.example", "4711", "a b")
    for number, (form, known) in enumerate(FORMS.items(), EACH.index((name, key))):
        value = values[number % len(values)]
        line = written(form, {"level": "info", key: value})
        text = (line + b"\n") * 3
        record, columns = ParsedLine(line), FieldReader([name, "x"]).read(StampedLines(text))
        assert columns[0] == [record.get(name)] * 3
        if name in known:
            assert record.get(name) != value
            continue
        assert record.get(name) == value and counted_values(name, text) == (3, {value: 3})
        for query in (f'{name}="{value}"', f"{name}:{value[:2]}", f"{name}=*"):
            assert found(query, line), (query, line)
        assert not found(f"{name}=b", line) and not found(f"fields.{name}=*", line)
        own = written(form, {key: value, name: "own", "level": "info"})
        assert ParsedLine(own).get(name) == "own"
        assert FieldReader([name]).read(StampedLines(own + b"\n")) == [["own"]]


def test_the_first_key_counts_in_pairs_too():
    for name, keys in ALIASES.items():
        for first, second in pairwise(keys):
            line = written("x PAIRS", {second: "2", first: "1", "level": "info"})
            assert ParsedLine(line).get(name) == "1"
            assert FieldReader([name]).read(StampedLines(line + b"\n")) == [["1"]]


@pytest.mark.parametrize(
    "text",
    ["service=shop", "service = shop a = 1", 'msg="service=shop b=1" a=1',
     "http://x/?service=shop&b=1 a=1 b=2",
     "name=Ann event=signup", "superservice=shop a=1", "service:shop a=1 b=2", "Service=shop a=1"],
)  # fmt: skip
def test_other_texts_name_no_program(text):
    line = STAMP + text.encode()
    assert ParsedLine(line).get("app") is None and not found("app=*", line)
    assert FieldReader(["app"]).read(StampedLines(line + b"\n")) == [[None]]


@pytest.mark.parametrize(
    "key", [key for key in (*BY_NAME_OR_NUMBER, *BY_NUMBER) if key not in ONLY_IN_OBJECTS]
)
def test_pairs_have_a_level_under_every_name_of_json(key):
    number = {"levelno": 40, "severity_number": 17, "severityNumber": 17}.get(key, 3)
    for value in [number] if key in BY_NUMBER else [number, "error", "ERR"]:
        for form in FORMS:
            line = written(form, {key: value, "z": 1})
            assert ParsedLine(line).level == "error" == level_of(line)
            assert OF_NUMBERS[level_numbers(line + b"\n")[0]] == "error"
            assert found("level=error", line)


def table() -> list[dict[str, list[str]]]:
    """The rows of the page: for each name the keys in backquotes."""
    rows = re.search(r"^\| input \| `app`.*?\n\n", PAGE, re.MULTILINE | re.DOTALL)
    assert rows
    head, _, *rest = [
        [cell.strip() for cell in row.strip("|").split("|")] for row in rows[0].strip().split("\n")
    ]
    names = [name.strip("`") for name in head[1:]]
    return [
        {name: re.findall("`(.*?)`", cell) for name, cell in zip(names, cells[1:], strict=True)}
        for cells in rest
    ]


def test_the_page_names_all_of_them_and_no_others():
    rows = table()
    for name, keys in ALIASES.items():
        told = {key for row in rows for key in row[name]}
        assert told - {name} == set(keys)
    levels = {key for row in rows for key in row["level"]}
    assert levels <= {*BY_NAME_OR_NUMBER, *BY_NUMBER}
