"""The audit log: one line for each request, which no client can forge."""

import pytest
from twisted.internet.task import Clock

from logsrv.kit.web.channel import WebRequest
from logsrv.linelog.http.readers.audit import AuditLog, LineCounter
from logsrv.linelog.http.readers.reader import Reader
from logsrv.linelog.http.readers.refusal_limit import AT_ONCE, COUNT_SECONDS
from tests.parts.kept import kept
from tests.parts.web_requests import Browser


def audited(
    path: str,
    status: int = 200,
    *body: bytes,
    is_on: bool = True,
    kind: str = "application/x-ndjson",
) -> list[str]:
    """What is logged of a request and its answer. body: its pieces."""
    lines: list[str] = []
    audit = AuditLog(Clock(), lines.append)
    audit.is_on = is_on

    def handle(request: WebRequest) -> None:
        audit.begin(request)
        if status != 401:
            audit.note_reader(request, Reader("ann\n"))
        request.begin_answer(status, kind)
        for piece in body:
            request.write(piece)
        request.finish()

    Browser(handle, Clock()).get(path)
    return lines


def test_lines_are_counted_across_pieces():
    for mark, pieces in (
        (b"\n", [b"a\nb", b"\n", b"", b"\n\n"]),
        (
            b"event: line\n",
            [b"event: li", b"ne\n", b"event: line\nevent: l", b"ine\nevent: line\n"],
        ),
    ):
        counter = LineCounter(mark)
        for piece in pieces:
            counter.add(piece)
        assert counter.lines == b"".join(pieces).count(mark)
        counter = LineCounter(mark)
        for number in b"".join(pieces):
            counter.add(bytes([number]))
        assert counter.lines == b"".join(pieces).count(mark)


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ([b"n,msg\n", b"1,a\n2,b\n"], 2),
        ([b"n,msg\n", b'1,"a\nb"\n2,c\n'], 2),
        ([b"n,msg\n", b'1,"a ""b""\n\n', b'c"\n2,"""', b'\n"\n'], 2),
        ([b"n,msg\n"], 0),
        ([], 0),
    ],
)
def test_a_row_of_csv_is_one_line_even_if_a_value_has_several(body, lines):
    [line] = audited("/api/search?format=csv", 200, *body, kind="text/csv; charset=utf-8")
    assert f" lines={lines} " in line


def test_a_query_is_logged_with_what_left():
    [line] = audited("/api/search?q=a%0Areader%3D%22x%22&limit=5", 200, b"{}\n{}\n")
    assert line == (
        r'audit reader="ann\n" address="127.0.0.1" method="GET" path="/api/search" '
        r'q="a\nreader=\"x\"" limit="5" status=200 lines=2 bytes=6'
    )


def test_an_answer_that_its_client_did_not_wait_for_has_the_lines_sent_until_then():
    lines: list[str] = []
    audit = AuditLog(Clock(), lines.append)
    audit.is_on = True

    def handle(request: WebRequest) -> None:
        audit.begin(request)
        audit.note_reader(request, Reader("ann"))
        request.begin_answer(200, "application/x-ndjson")
        request.write(b"{}\n{}\n")

    browser = Browser(handle, Clock())
    browser.get("/api/search")
    assert lines == []
    browser.leave()
    [line] = lines
    assert line.endswith(" status=200 lines=2 bytes=6 broken_off=yes")
    assert "broken_off" not in audited("/api/search")[0]


def test_a_secret_in_an_address_is_not_logged():
    [line] = audited("/api/search?token=secret", 400)
    assert "secret" not in line and "status=400" in line
    assert "secret" not in audited("/api/nowhere?q=secret", 404)[0]


def test_somebody_whom_a_proxy_has_named_in_vain_is_logged_by_that_name():
    lines: list[str] = []
    audit = AuditLog(Clock(), lines.append)
    audit.is_on = True

    def handle(request: WebRequest) -> None:
        audit.begin(request)
        audit.note_unknown(request, 'bob" reader="ann')
        request.begin_answer(403, "application/json")
        request.finish()

    Browser(handle, Clock()).get("/")
    assert lines[0].startswith(
        'audit reader=none named="bob\\" reader=\\"ann" address="127.0.0.1" '
    )


def test_pages_and_files_are_logged_only_if_they_are_refused():
    assert audited("/") == audited("/static/style.css") == audited("/healthz", 503) == []
    assert "status=401" in audited("/", 401)[0]
    assert audited("/api/search", is_on=False) == []


def test_a_line_of_csv_may_have_line_feeds_in_its_values():
    pieces = (b'app,msg\nweb,"a\n', b'b"', b'\nweb,"say ""\n"""\n', b"web,c\n")
    [line] = audited("/api/search?format=csv", 200, *pieces, kind="text/csv; charset=utf-8")
    assert " lines=3 " in line


def test_a_client_without_a_token_cannot_make_lines_long():
    for path in ("/x" * 5000, "/api/search?" + "q=%00&" * 2000, "/api/search?q=" + "%00" * 5000):
        [line] = audited(path, 401)
        assert len(line) < 8000 and line.endswith(" status=401 bytes=0")
    # Every query that is answered fits.
    [line] = audited("/api/search?q=" + "x" * 4000)
    assert "x" * 4000 + '" ' in line


def test_a_flood_without_a_token_is_counted_and_what_readers_ask_is_all_logged():
    """One client could fill the disk of the log."""
    lines: list[str] = []
    clock = Clock()
    audit = AuditLog(clock, lines.append)
    audit.is_on = True
    known: list[Reader] = []

    def handle(request: WebRequest) -> None:
        audit.begin(request)
        for reader in known:
            audit.note_reader(request, reader)
        request.begin_answer(200 if known else 401, "application/json")
        request.finish()

    def ask_often(browser: Browser) -> None:
        for _ in range(1000):
            browser.get("/api/search?q=%22")
            # A connection with many requests lets others come first.
            clock.advance(0)

    browser, other = Browser(handle, clock), Browser(handle, clock, peer="192.0.2.7")
    ask_often(browser)
    assert len(lines) == AT_ONCE and all("status=401" in line for line in lines)
    other.get("/api/search")
    assert 'address="192.0.2.7"' in lines[-1], "it does not hide others"
    known.append(Reader("ann"))
    ask_often(browser)
    assert len(lines) == AT_ONCE + 1 + 1000
    del lines[:]
    clock.advance(COUNT_SECONDS)
    assert lines == [f"audit reader=none left_out={1000 - AT_ONCE} addresses=1"]
    del known[:]
    browser.get("/api/search")
    assert "status=401" in lines[-1], "later ones are logged again"


def test_a_request_is_logged_if_the_log_was_on_when_it_began():
    """A reload switches it while answers are under way; nothing stays of those that ended."""
    lines: list[str] = []
    clock = Clock()
    audit = AuditLog(clock, lines.append)
    requests: list[WebRequest] = []

    def handle(request: WebRequest) -> None:
        audit.begin(request)
        requests.append(request)

    before = kept(audit)
    for was_on in (True, False):
        browser = Browser(handle, clock)
        audit.is_on = was_on
        browser.get("/api/search")
        audit.is_on = not was_on
        requests[-1].begin_answer(200, "application/x-ndjson")
        requests[-1].write(b"{}\n")
        requests[-1].finish()
        assert len(lines) == 1 and " lines=1 " in lines[0]
    audit.is_on = False
    assert kept(audit) == before
