"""The audit log: one line for each request, which no client can forge."""

from twisted.internet.task import Clock

from logsrv.kit.web.channel import WebRequest
from logsrv.linelog.http.readers.audit import AuditLog, LineCounter
from logsrv.linelog.http.readers.reader import Reader
from tests.parts.web_requests import Browser


def audited(path: str, status: int = 200, body: bytes = b"", *, is_on: bool = True) -> list[str]:
    """What is logged of a request and its answer."""
    lines: list[str] = []
    audit = AuditLog(lines.append)
    audit.is_on = is_on

    def handle(request: WebRequest) -> None:
        audit.begin(request)
        audit.note_reader(request, Reader("ann\n"))
        request.begin_answer(status, "application/x-ndjson")
        request.write(body)
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


def test_a_query_is_logged_with_what_left():
    [line] = audited("/api/search?q=a%0Areader%3D%22x%22&limit=5", body=b"{}\n{}\n")
    assert line == (
        r'audit reader="ann\n" address="127.0.0.1" method="GET" path="/api/search" '
        r'q="a\nreader=\"x\"" limit="5" status=200 lines=2 bytes=6'
    )


def test_a_secret_in_an_address_is_not_logged():
    [line] = audited("/api/search?token=secret", 400)
    assert "secret" not in line and "status=400" in line
    assert "secret" not in audited("/api/nowhere?q=secret", 404)[0]


def test_pages_and_files_are_logged_only_if_they_are_refused():
    assert audited("/") == audited("/static/style.css") == audited("/healthz", 503) == []
    assert "status=401" in audited("/", 401)[0]
    assert audited("/api/search", is_on=False) == []
