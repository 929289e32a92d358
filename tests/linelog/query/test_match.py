"""A query finds the lines that it should, in one pass over many as line by line."""

import subprocess
import sys

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.query.question import EVERYTHING, And, Not, Term
from logsrv.linelog.query.text_search.engine import Search, compile_search
from logsrv.linelog.query.text_search.highlight import highlight_finder

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "


def hits(query: str, *messages: bytes) -> list[bytes]:
    text = b"".join(STAMP + message + b"\n" for message in messages)
    return [
        text[start:end].removeprefix(STAMP) for start, end in make_matcher(parse(query)).find(text)
    ]


def test_an_expression_with_a_literal_is_looked_for_in_messages_only():
    """Its literal is found first, in whole lines: stamps are left out again."""
    for query in (r"/web@?\w+/", r"/tcp:1\d/"):
        matcher = make_matcher(parse(query))
        text = STAMP + b"x\n" + STAMP + b"a web1 tcp:19\n"
        for _ in range(2):
            assert list(matcher.find(text)) == [(len(STAMP) + 2, len(text) - 1)]
            matcher.prepare_for_many()


@pytest.mark.parametrize("lines", [1, 1000])
def test_an_expression_of_a_fixed_width_is_more_than_its_literal_in_texts_of_any_size(lines):
    matcher = make_matcher(parse("/at [a-z]/"))
    text = (STAMP + b"at 7\n" + STAMP + b"at x\n") * lines
    for _ in range(2):
        assert matcher.count(text) == len(list(matcher.find(text))) == lines
        matcher.prepare_for_many()


@pytest.mark.parametrize("many", [False, True])
def test_an_expression_with_a_literal_in_nearly_all_lines_is_found_in_those_it_is_in(many):
    """It is looked for in the text at once then; what is found is the same wherever that begins."""
    stamp = STAMP.replace(b"web", b"took=7")
    messages = [b"user=ann status=200 took=%d path=/a" % (number % 100) for number in range(3000)]
    messages[1500] = b"user=ann took=7"
    text = b"".join(stamp + message + b"\n" for message in messages)
    wanted = [message for message in messages if message.split(b"took=")[1].split()[0] == b"7"]
    matcher = make_matcher(parse(r"/user=(ann|eve) (status=\d+ )?took=7\b/"))
    if many:
        matcher.prepare_for_many()
    # More texts than are gone through at once before candidates are tried again.
    for _ in range(40):
        found = [text[start:end].removeprefix(stamp) for start, end in matcher.find(text)]
        assert found == wanted
        assert matcher.count(text) == len(wanted)


def test_a_frequent_literal_costs_one_pass_and_not_one_for_each_line(monkeypatch):
    asked = []

    def counted(pattern: str) -> Search:
        search = compile_search(pattern)

        def counting(text: bytes, start: int, end: int) -> tuple[int, int]:
            asked.append(start)
            return search(text, start, end)

        return counting

    monkeypatch.setattr("logsrv.linelog.query.match.compile_search", counted)
    text = (STAMP + b"user=bob status=200 took=1\n") * 10_000
    matcher = make_matcher(parse(r"/status=\d+ took=\d*7\b/"))
    for _ in range(20):
        assert matcher.count(text) == 0
    # Each of two texts until it shows, and then once for each text.
    assert len(asked) < 2 * len(text) / 1000 + 100


def test_words_are_not_found_in_stamps():
    assert hits("web", b"x", b"a web", b"web") == [b"a web", b"web"]
    assert hits('"tcp:10" OR zzz', b"x", b"a tcp:10") == [b"a tcp:10"]
    assert hits(r"/\d+ x/", b"x", b"1 x") == [b"1 x"]
    assert hits('":51234 x"', b"x") == []


def test_a_small_letter_ignores_ascii_case_and_a_capital_does_not():
    messages = (b"Error", b"ERROR", b"error", "\u212a ſ É".encode())
    assert hits("error", *messages) == [b"Error", b"ERROR", b"error"]
    assert hits("Error", *messages) == [b"Error"]
    assert hits(r"/\Serror/", b"xERROR") == [b"xERROR"]
    assert hits("k", *messages) == hits("/s/", *messages) == hits("é", *messages) == []
    assert hits("É", *messages) == [messages[3]]


@pytest.mark.parametrize("query", ["b OR /k/", "/b|k/", "/b|[k]/", "/(?:[kK]|b)/", "/user|uses/"])
def test_alternatives_of_one_letter_ignore_the_case_of_ascii_alone(query):
    """RE2 takes alternatives of one character together, and Unicode's cases of them too."""
    assert hits(query, "K uſer uſeſ useſ".encode()) == []
    assert hits(query, b"K USES") == [b"K USES"]


def test_expressions_match_unicode_text():
    assert hits("/^.é.$/", "aéü".encode(), b"a\xffb") == ["aéü".encode()]
    assert hits("/^$/", b"", b"x") == [b""]
    assert hits("/x*/", b"", b"y") == [b"", b"y"]
    assert hits(r"/\w/", "é".encode(), b"e") == [b"e"]


def test_a_position_is_known_by_where_the_text_stands():
    matcher = make_matcher(parse("position=17:105"))
    text = STAMP + b"a\n" + STAMP + b"b\n"
    second = text.index(b"\n") + 1
    assert list(matcher.find(text, (17, 105 - second))) == [(second, len(text) - 1)]
    assert matcher.count(text, (17, 0)) == matcher.count(text) == 0
    assert matcher.matches(b"a", "17:105")
    denied = make_matcher(parse("NOT position=17:105"))
    assert denied.count(text, (17, 105 - second)) == 1


@pytest.mark.parametrize(
    "query",
    [
        "n=5",
        "n<6",
        'text="x=1 n=5"',
        "text~/n=5$/",
        "fields.n=5",
        "syslog.text:n=5",
        "level>=error",
    ],
)
def test_a_nul_behind_a_syslog_message_is_no_part_of_its_fields(query):
    """As Python's SysLogHandler sends it; the message keeps it."""
    messages = (rb"<11>x=1 n=5\x00", b"<11>x=1 n=5\0", b"<11>x=1 n=5")
    assert hits(query, *messages) == list(messages)


def test_json_before_a_nul_is_read():
    message = rb'<11>shop: {"level": "error", "ms": 7}\x00'
    assert hits("ms=7 app=shop", message) == [message]


def test_the_empty_query_finds_every_line_and_its_negation_none():
    assert hits("", b"", b"x") == [b"", b"x"]
    assert make_matcher(parse("b")).count(b"a\nb") == 1
    assert make_matcher(EVERYTHING).count(b"a\nb") == 2 and make_matcher(EVERYTHING).count(b"") == 0
    assert make_matcher(Not(EVERYTHING)).count(b"a\nb\n") == 0
    assert make_matcher(EVERYTHING).needs is None


def test_bytes_of_a_command_line_that_are_not_utf8_are_found():
    assert hits("\udcff", b"a\xffb", b"b") == [b"a\xffb"]
    assert hits("\udcff OR b2 OR c3 OR d4 OR e5", b"a\xffb", b"x") == [b"a\xffb"]


def test_a_phrase_with_a_line_end_is_in_no_line():
    assert (
        make_matcher(And((Term("a\nb"), Term("")))).count(b"a\nb\n")
        == make_matcher(Term("a\nb")).count(b"a\nb\n")
        == 0
    )


def test_many_comparisons_of_large_numbers_are_found():
    """Together they would be too large an expression to look for."""
    query = " OR ".join(f"a{one}>1234567891{one:03d}" for one in range(250))
    assert hits(query, b"a7=9999999999999 b=1", b"a7=1 b=2") == [b"a7=9999999999999 b=1"]


def test_what_many_searches_need_is_loaded_before_processes_are_begun():
    """Else each of them would load it for itself."""
    program = (
        "import sys; from logsrv.linelog.query.parse import parse;"
        "from logsrv.linelog.query.match import make_matcher;"
        "matcher = make_matcher(parse('timeout')); before = 'numpy' in sys.modules;"
        "matcher.prepare_for_many(); print(before, 'numpy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stdout == "False True\n", done.stderr


@pytest.mark.parametrize(
    ("query", "message", "spans"),
    [
        ("conn", b"a Conn conn", [(2, 6), (7, 11)]),
        ("ab bc", b"xabcx", [(1, 4)]),
        ("abcd bc", b"abcde", [(0, 4)]),
        ("bc abcd", b"xabcdbc", [(1, 7)]),
        ("aa", b"aaaaa", [(0, 4)]),
        # Found one behind the other, beside each other and within each other.
        ("aa ab b", b"aab", [(0, 3)]),
        ("abc b c", b"_abc b", [(1, 4), (5, 6)]),
        ("ab cd e", b"abcd_e_ab", [(0, 4), (5, 6), (7, 9)]),
        ("aba", b"ababa", [(0, 3)]),
        ("bB", b"bb bB", [(3, 5)]),
        ("a:b", b"a b", []),
        ("a=b", b"a b", []),
        (r"/\d+/ OR x", b"12 x 3", [(0, 2), (3, 4), (5, 6)]),
        ("-x", b"x", []),
        ("/x*/", b"ax", [(1, 2)]),
        ("/^a/", b"aa", [(0, 1)]),
        ("message:a message~b", b"ab", [(0, 2)]),
        ("message:a.b", b"acb a.b", [(4, 7)]),
        ("message~a.b", b"acb a.b", [(0, 3), (4, 7)]),
        ("message=a", b"a", []),
        ("/$/", b"a", []),
        ("level=error", b"error", []),
        ("", b"x", []),
    ],
)
def test_hits_are_highlighted(query, message, spans):
    assert highlight_finder(parse(query))(message) == spans
