"""What is content arrives whole; what is not is an error with its own sentence."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.wire import errors
from logsrv.gopher.wire.errors import GopherError, NotGopher, ServerError, TooBig, Truncated
from logsrv.gopher.wire.response import (
    ResponseReader,
    error_line,
    may_be_other_protocol,
    parse_error,
)
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line

CORPUS = Path(__file__).parents[2] / "corpus" / "gopher"
PLAIN = GopherURL("h", 70, "9")
PLUS = GopherURL("h", 70, "9", plus=b"+")
MENU = GopherURL("h")
ERROR = b"3gone\t\terror.host\t1\r\n"


def outcome(url: GopherURL, data: bytes, cuts: list[int]) -> bytes | tuple[type[GopherError], str]:
    """The body, or the error, of an answer that comes in these pieces and then ends."""
    reader = ResponseReader(url, 1000)
    body = b""
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    try:
        for start, stop in pairwise(edges):
            if start != stop and not reader.complete:
                body += reader.feed(data[start:stop])
        return body if reader.complete else body + reader.finish()
    except GopherError as error:
        return type(error), str(error).partition("broke off")[0]


@given(st.binary(max_size=900), st.integers(0, 20))
def test_a_counted_body_is_byte_exact_and_what_comes_behind_is_left(body, more):
    reader = ResponseReader(PLUS)
    assert reader.feed(b"+%d\r\n" % len(body) + body + b"x" * more) == body
    assert reader.complete and reader.length == len(body)


@pytest.mark.parametrize(
    ("url", "answer", "kind", "sentence"),
    [
        (PLAIN, ERROR, ServerError, "answers with an error: gone"),
        (PLUS, b"--2\r\n1 Admin\r\nnot here\r\n", ServerError, "error: not here"),
        (PLUS, b"-17\r\n1 Admin\r\nnot here", ServerError, "error: not here"),
        (PLUS, b"+10\r\nabc", Truncated, "7 bytes are missing"),
        (PLUS, b"+2000\r\n", TooBig, "limit of 1000 bytes"),
        (PLAIN, b"x" * 1001, TooBig, "limit of 1000 bytes"),
        (PLAIN, b"3" + b"x" * 1000, TooBig, "limit of 1000 bytes"),
        (PLAIN, b"HTTP/1.1 400 Bad Request\r\n", NotGopher, "not a Gopher server"),
        (PLAIN, b"SSH-2.0-OpenSSH_9.2\r\n", NotGopher, "look at the port"),
        (PLAIN, b"\x15\x03\x01\0\x02\x02\x46", NotGopher, "try gophers://"),
    ],
)
def test_an_answer_that_is_an_error_raises_its_kind(url, answer, kind, sentence):
    reader = ResponseReader(url, 1000)

    def take() -> None:
        reader.feed(answer)
        reader.finish()

    with pytest.raises(kind, match=sentence):
        take()


@pytest.mark.parametrize("answer", [b"", b"3", b"+", b"HTTP/1.", b"\x15", b"SSH-", b"3 bears\n"])
def test_short_answers_that_look_like_the_begin_of_something_arrive(answer):
    for url in (PLAIN, PLUS):
        assert outcome(url, answer, []) == answer


def test_ordinary_content_is_passed_on_at_once():
    """A slow server's first bytes are seen when they come."""
    for first in (b"G", b"i", b"0", b"\0", b"Hello", b"HTTP/ is a prefix", b"3 bears\n"):
        reader = ResponseReader(PLAIN)
        assert reader.feed(first) == first and reader.is_certain


@pytest.mark.parametrize(
    ("header", "is_raw"), [(b"+-1\r\n", False), (b"+-2\n", True), (b"+9\n", True)]
)
def test_a_header_tells_whether_a_text_has_a_terminator(header, is_raw):
    reader = ResponseReader(PLUS)
    assert reader.feed(header + b"..a\r\n.\r\n") == b"..a\r\n.\r\n"
    assert reader.has_header is is_raw


@pytest.mark.parametrize(
    "body", [b"+5\r\nabc", b"3gone\t\terror.host\t1\r\n", b"HTTP/1.1 200 OK\r\n"]
)
def test_a_body_behind_a_header_is_content_whatever_it_looks_like(body):
    reader = ResponseReader(PLUS)
    assert reader.feed(b"+-2\r\n" + body) == body
    assert reader.finish() == b""


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*/*.bin")), ids=lambda path: path.stem)
def test_transcripts_of_real_servers_are_content_or_an_error(path):
    answer = path.read_bytes()
    plus = path.stem.startswith(("gplus", "ask"))
    result = outcome(PLUS if plus else PLAIN, answer, [])
    missing = path.stem in ("missing", "missingdir", "traversal", "server-status", "gplus_missing")
    if path.parent.name == "pygopherd" and path.stem == "http":
        assert result == (NotGopher, str(NotGopher("HTTP", "try the address in a web browser")))
    elif missing and (path.parent.name == "pygopherd" or path.stem == "missingdir"):
        assert isinstance(result, tuple) and result[0] is ServerError
    elif len(answer) > 1000:
        assert isinstance(result, tuple) and result[0] is TooBig
    else:
        header = answer.index(b"\n") + 1 if answer[:1] == b"+" else 0
        assert result == answer[header:]


@pytest.mark.parametrize(
    ("start", "protocol"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "HTTP"),
        (b"HTTP/1.0 200 OK\r\n", "HTTP"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        (b"\x15\x03\x01\0\x02\x02\x46", "TLS"),
    ],
)
def test_other_protocols_are_named(start, protocol):
    told = False
    for size in range(len(start) + 1):
        try:
            assert may_be_other_protocol(start[:size]) and not told
        except NotGopher as error:
            told = error.protocol == protocol
    assert told


@pytest.mark.parametrize(
    "start", [b"HTTP is a protocol", b"HTTP/1.1 is old", b"SSHd", b"\x15", b"", b"0"]
)
def test_texts_about_them_are_texts(start):
    assert outcome(PLAIN, start, []) == start


NO_SUCH = b"3'/x' does not exist\t\terror.host\t1\r\n"
FOOTER = b"i____\t\tnull.host\t1\r\niserved by\t\tnull.host\t1\r\n"


@pytest.mark.parametrize("menu", [True, False])
@pytest.mark.parametrize(
    "answer",
    [NO_SUCH, NO_SUCH * 2, NO_SUCH + FOOTER, NO_SUCH + FOOTER + b".\r\n", NO_SUCH[:-2]],
)
def test_an_error_is_an_error_wherever_it_comes(answer, menu):
    assert error_line(answer, menu=menu, closed=True) == NO_SUCH[:-2]
    for size in range(1, len(answer)):
        assert error_line(answer[:size], menu=menu, closed=False) in (b"", NO_SUCH[:-2])


@pytest.mark.parametrize("size", [1, len(NO_SUCH), len(NO_SUCH) + 1])
def test_a_menu_with_an_error_in_its_first_line_is_a_menu_however_it_is_cut(size):
    answer = NO_SUCH + b"1but here\t/\th\t70\r\n"
    assert outcome(MENU, answer, [size]) == answer


def test_an_error_with_another_item_behind_it_is_content_from_its_first_byte_on():
    assert error_line(NO_SUCH + b"1", menu=True, closed=False) is None


def test_a_dot_ends_an_error_before_the_server_closes():
    with pytest.raises(ServerError, match="does not exist"):
        ResponseReader(PLAIN).feed(NO_SUCH + FOOTER + b".\r\n")


@pytest.mark.parametrize("line", [b"3gone\t", b"3gone\t\t", b"3gone\t\terror.host\tport"])
def test_an_error_without_all_of_its_fields_is_one_only_where_a_menu_was_asked_for(line):
    assert outcome(PLAIN, line + b"\r\n", []) == line + b"\r\n"
    assert outcome(MENU, line + b"\r\n", [])[0] is ServerError


@pytest.mark.parametrize(
    ("port", "is_error"), [(b"1", True), (b" 65535 ", True), (b"123456", False), (b"", False)]
)
def test_a_port_has_up_to_five_digits_in_an_error(port, is_error):
    line = b"3gone\t\terror.host\t" + port
    assert error_line(line + b"\n", menu=False, closed=True) == (line if is_error else None)


@pytest.mark.parametrize("start", [b"3", NO_SUCH])
def test_an_error_takes_at_most_4_kib(start):
    longest = start.ljust(4096, b"3")
    assert error_line(longest, menu=True, closed=False) == b""
    assert error_line(longest + b"3", menu=True, closed=False) is None


@pytest.mark.parametrize("menu", [True, False])
@pytest.mark.parametrize(
    "answer",
    [
        NO_SUCH + b"1but here\t/\th\t70\r\n",
        b"3 is a number\r\n",
        b"3\r\n",
        b"",
        b".\r\n",
        b"i" + NO_SUCH + NO_SUCH,
        NO_SUCH + FOOTER * 100,
    ],
)
def test_content_is_not_taken_for_an_error(answer, menu):
    """A menu with one error in it is still a menu, and a list of numbers a text."""
    assert error_line(answer, menu=menu, closed=True) is None


def test_a_table_that_begins_with_a_three_is_a_text():
    assert error_line(b"3.5\t1\t2\n3.6\t1\t2\n", menu=False, closed=True) is None


EVIL = "\x1b]0;owned\a\r\nnext"
ALL = [
    errors.BadURL(EVIL, "it is wrong"),
    errors.ServerError(EVIL),
    errors.UnknownHost(EVIL),
    errors.Refused(EVIL),
    errors.TimedOut(EVIL, "first byte", 3),
    errors.Truncated(EVIL, 5, EVIL),
    errors.TooBig("the menu", 5),
    errors.NotGopher("HTTP", "try a browser"),
    errors.TLSError(EVIL, EVIL),
    errors.ProxyError(EVIL, EVIL),
]


def test_every_error_can_be_told_from_the_others_by_status_and_code():
    ours = {one for one in GopherError.__subclasses__() if one.__module__ == errors.__name__}
    assert {type(error) for error in ALL} == ours
    assert len({error.exit_status for error in ALL}) == len(ALL)
    assert len({error.code for error in ALL}) == len(ALL)
    assert all(0 < error.exit_status < 64 for error in ALL)


@pytest.mark.parametrize("error", ALL, ids=lambda error: error.code)
def test_no_sentence_carries_what_an_outsider_wrote_unescaped(error):
    assert str(error) == one_line(str(error))


def test_as_much_as_is_taken_is_not_too_much():
    body = b"x" * 1000
    assert ResponseReader(PLUS, 1000).feed(b"+1000\r\n" + body) == body
    assert ResponseReader(PLAIN, 1000).feed(body) == body


def test_an_error_of_gopherplus_without_end_is_told_after_64_kib():
    reader = ResponseReader(PLUS)
    lead = b"1 Admin\r\ngone"
    assert reader.feed(b"--2\r\n" + lead.ljust(65535)) == b""
    with pytest.raises(ServerError, match="gone"):
        reader.feed(b" ")


@pytest.mark.parametrize(
    ("header", "length"), [(b"+7\r\n", 7), (b"+0\r\n", 0), (b"+-1\r\n", None), (b"+-2\r\n", None)]
)
def test_a_header_makes_content_certain_and_may_tell_its_length(header, length):
    reader = ResponseReader(PLUS)
    assert not reader.is_certain and reader.length is None
    reader.feed(header)
    assert reader.is_certain and reader.length == length


def test_a_short_answer_is_certain_content_once_the_server_has_closed():
    reader = ResponseReader(PLAIN)
    assert reader.feed(b"3 bears") == b"" and not reader.is_certain
    assert reader.finish() == b"3 bears" and reader.is_certain


def test_neither_an_error_nor_its_begin_is_certain_content():
    for url, begin in ((PLAIN, b"3gone"), (PLUS, b"--2\r\n1 Admin\r\n")):
        reader = ResponseReader(url)
        reader.feed(begin)
        assert not reader.is_certain


PYGOPHERD = CORPUS / "pygopherd"


@pytest.mark.parametrize(
    "start",
    [b"+-3\r\n", b"+ 34\r\n", b"++\r\n", b"+x", b"+1 for that", b"--- title", b"+1234567890123456"],
)
def test_a_text_that_only_begins_like_a_header_is_not_held_back(start):
    assert ResponseReader(PLUS).feed(start) == start


def test_errors_say_what_the_server_says():
    body = (PYGOPHERD / "gplus_missing.bin").read_bytes().removeprefix(b"--2\r\n")
    error = parse_error(body)
    assert str(error).endswith("'/nope.txt' does not exist (no handler found)")
    assert parse_error(b"1 Only one line\r\n").message == "Only one line"
    for nothing_more in (b".\r\n", b" \t\r\n", b"\r\n.\r\n"):
        assert parse_error(b"2 Admin\r\n" + nothing_more).message == "Admin"
    assert "does not say" in str(parse_error(b""))
    assert "\\x1b[2J" in str(parse_error(b"2 x\n\x1b[2J"))
