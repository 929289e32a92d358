"""What each kind of item becomes in a browser, with real servers on loopback."""

from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.threads import blockingCallFromThread

from logsrv.gopher.gateway.answers import content_disposition, error_answer, media_type
from logsrv.gopher.gateway.destinations import DestinationNotAllowed
from logsrv.gopher.gateway.visitors import RequestDenied, retry_later_error
from logsrv.gopher.wire.errors import (
    BadURL,
    NotGopher,
    Refused,
    ServerError,
    TimedOut,
    Truncated,
    UnknownHost,
)
from tests.parts.ports import free_port

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BadURL("x", "no"), 400),
        (DestinationNotAllowed("no"), 403),
        (ServerError("gone"), 404),
        (TimedOut("x:70", "connect", 10), 504),
        (UnknownHost("x"), 502),
        (Refused("x:70"), 502),
        (Truncated("x:70", 5, "reset"), 502),
        (NotGopher("HTTP", "look"), 502),
        (RequestDenied(421, "no"), 421),
        (retry_later_error(429, "wait", 5), 429),
    ],
)
def test_each_error_has_its_http_status_and_a_page(error, status):
    """Each error has its HTTP status, and a page with a heading and the client's sentence."""
    answer = error_answer(error, None)
    assert answer.status == status
    assert answer.age == 0
    assert b"<h1>" in answer.body


def test_bad_address_is_not_repeated():
    """A page about a bad address does not show it: nobody can make it say something."""
    answer = error_answer(BadURL("call 555-0100 <b>", "it has to begin with gopher://"), None)
    assert b"555-0100" not in answer.body
    assert b"It has to begin with gopher://." in answer.body


async def test_the_items_of_a_menu_are_links_into_the_gateway(visit):
    """A menu has its items as links into the gateway, relative to where it came from."""
    hole = visit(b"iHello\t\t\t0\r\n0Text\t/t.txt\r\n7Find\t/s\tx.example\t70\r\n.\r\n")
    answer = await hole.get("/1/menu")
    page = answer.page
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=120"
    assert hole.path("/0/t.txt") in page.attributes("a", "href")
    assert "/gopher/x.example/7/s" in page.attributes("form", "action")
    assert "Hello" in page.text


async def test_a_search_has_form_and_sends_words_as_one_field(visit):
    """A search item asks for words, sends them as one field, and shows what was found."""
    hole = visit(b"0Found it\t/f\tx.example\t70\r\n.\r\n")
    form = await hole.get("/7/s")
    assert hole.server.requests == []
    assert form.page.attributes("input", "name") == ["url", "q"]
    answer = await hole.get("/7/s?q=two+words")
    assert hole.server.requests == [b"/s\ttwo words\r\n"]
    assert "Found it" in answer.page.text
    assert "two words" in answer.page.text


async def test_text_is_shown_in_utf8_and_saved_as_it_was_sent(visit):
    """A text is shown in UTF-8 whatever it was sent in, without the dot at its end."""
    hole = visit(b"caf\xe9\r\n..dot\r\n.\r\n")
    answer = await hole.get("/0/t")
    assert "café\n.dot\n" in answer.page.text
    other = await hole.get("/0/t?charset=cp437")
    assert "cafΘ" in other.page.text
    saved = await hole.get("/0/t?as=file")
    assert saved.body == b"caf\xe9\r\n..dot\r\n.\r\n"


async def test_a_charset_for_all_pages(visit):
    hole = visit(b"caf\xe9\r\n.\r\n", "--charset=cp437")
    assert "cafΘ" in (await hole.get("/0/t")).page.text
    assert "café" in (await hole.get("/0/t?charset=latin-1")).page.text


async def test_an_image_is_shown_in_a_page_of_its_own(visit):
    """An image has a page, the page has the image, and the image is one."""
    hole = visit(PNG)
    path = hole.path("/I/pic.png")
    page = (await hole.web.get(path)).page
    assert page.attributes("img", "src") == [path + "?as=media"]
    assert page.attributes("img", "alt") == ["the picture pic.png"]
    image = await hole.web.get(path + "?as=media")
    assert (image.headers["content-type"], image.body) == ("image/png", PNG)
    assert "sandbox" in image.headers["content-security-policy"]


@pytest.mark.parametrize("letter", ["I", "1", "s"])
async def test_what_is_no_picture_is_not_shown_as_one(visit, letter):
    """HTML or SVG that pretends to be an image is not handed to the browser as anything."""
    hole = visit(b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    answer = await hole.get(f"/{letter}/x.svg?as=media")
    assert answer.status == 415
    assert b"alert(1)" not in answer.body


async def test_html_is_shown_as_its_source(visit):
    """A page in HTML is shown as its source, and says so."""
    hole = visit(b"<html><script>alert(1)</script></html>")
    answer = await hole.get("/h/index.html")
    assert "<script>alert(1)</script>" in answer.page.text
    assert not [name for name, _ in answer.page.elements if name == "script"]
    assert "source" in answer.page.text


async def test_a_binary_is_saved_and_never_opened_as_a_page(visit):
    """Everything else is saved, under its name, byte for byte, and never opened as a page."""
    content = bytes(range(256)) * 300
    hole = visit(content)
    answer = await hole.get("/9/a/%22x%22.zip")
    assert answer.body == content
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith('attachment; filename="=22x=22.zip";')
    assert "sandbox" in answer.headers["content-security-policy"]
    head = await hole.get("/9/a/%22x%22.zip", "HEAD")
    assert (head.status, head.body) == (200, b"")


async def test_an_error_of_the_server_is_404_with_sentence(visit):
    """An error of the server is 404 with what the server says, escaped."""
    hole = visit(b"3No <b>such</b> file\t\terror.host\t1\r\n")
    for kind in ("1", "0", "9", "I"):
        answer = await hole.get(f"/{kind}/x?as=file")
        assert answer.status == 404
        assert "No <b>such</b> file" in answer.page.text
        assert answer.headers["cache-control"] == "no-store"


async def test_links_out_of_gopher_are_explained(visit):
    """Nothing is asked of the server whose menu has the link, and only the web and mail are links."""
    hole = visit(b"<html>elsewhere</html>")
    for link, followed in (
        ("hURL:https://example.org/a%3Fb=1", "https://example.org/a?b=1"),
        ("hURL:mailto:a@example.org", "mailto:a@example.org"),
        ("hURL:gopher://example.org/0/a", "/gopher/example.org/0/a"),
        ("hURL:javascript:alert(1)", None),
        ("hURL:gemini://example.org/", None),
        ("8guest", None),
    ):
        answer = await hole.get(f"/{link}")
        assert answer.status == 200
        leaves = not link.startswith("hURL:gopher:")
        assert ("This link leaves Gopher" in answer.page.text) is leaves
        assert ("another place in Gopher" in answer.page.text) is not leaves
        found = [each for each in answer.page.attributes("a", "href") if each == followed]
        assert found == ([followed] if followed else [])
        for target in answer.page.attributes("a", "href"):
            assert target.startswith(("#", "/", "https://", "mailto:"))
    assert hole.server.requests == []


async def test_an_error_that_may_pass_offers_another_try(gateway):
    """An error that may pass offers the same once more, and nothing claims to have been fetched."""
    web = gateway("--allow-private")
    path = f"/gopher/127.0.0.1:{free_port()}/0/x?charset=cp437"
    page = (await web.get(path)).page
    assert "Try again" in page.text
    assert page.attributes("a", "href").count(path) == 1
    assert "The gateway has written this page." in page.text
    assert "came from" not in page.text
    refused = (await web.get("/gopher/127.0.0.1:25/0/x")).page
    assert "Try again" not in refused.text


async def test_results_have_the_words_and_a_box(visit):
    hole = visit(b"0Red\t/r\t\t\r\niText\t\t\t\r\n.\r\n")
    path = hole.path("/7/find")
    page = (await hole.web.get(f"{path}?q=red+%22hat%22&charset=cp437")).page
    assert '“red "hat"” in find' in page.text
    assert "search, 1 result" in page.text
    assert page.attributes("form", "action")[1:] == [f"{path}?charset=cp437"]
    assert page.attributes("input", "value")[1] == 'red "hat"'


async def test_an_item_that_cannot_be_fetched_is_400(gateway):
    """What Gopher only names, such as phone books, is an error of the address."""
    web = gateway("--allow-private")
    for path in (
        "/gopher/127.0.0.1:7070/2",
        "/gopher/127.0.0.1:7070/i",
    ):
        assert (await web.get(path)).status == 400
    assert (await web.get("/gopher/127.0.0.1:7070/1/x?as=media")).status == 415


async def test_the_gateway_has_a_start_page_style_sheet_icon_and_robots_txt(gateway):
    """The start page, the style sheet, the icon and robots.txt; nothing else is there."""
    web = gateway("--allow-host", "one.example")
    start = await web.get("/")
    assert "/gopher/one.example/" in start.page.attributes("a", "href")
    style = start.page.attributes("link", "href")[-1]
    assert (await web.get(style)).headers["content-type"] == "text/css; charset=utf-8"
    assert (await web.get("/icon.svg")).headers["content-type"] == "image/svg+xml"
    assert (await web.get("/robots.txt")).body == b"User-agent: *\nDisallow: /\n"
    for path in ("/favicon.ico", "/static/../settings.py", "/gopherx", "//x", "*"):
        assert (await web.get(path)).status == 404, path


async def test_the_address_form_redirects_to_the_page_of_the_address(gateway):
    """What is typed into the address form leads to its page."""
    web = gateway()
    answer = await web.get("/go?url=gopher%3A%2F%2Fx.example%2F7%2Fs%2509a+b")
    assert (answer.status, answer.headers["location"]) == (303, "/gopher/x.example/7/s?q=a%20b")
    assert (await web.get("/go?url=+")).headers["location"] == "/"
    wrong = await web.get("/go?url=https%3A%2F%2Fevil.example%2F")
    assert wrong.status == 400
    assert "evil" not in wrong.page.text


async def test_a_menu_that_breaks_off_is_shown_with_reason(visit):
    """A menu that breaks off is shown as far as it came, with the reason."""
    from tests.parts.gopher_servers import reset

    def script(connection: Any, request: bytes) -> None:
        connection.sendall(b"0One\t/1\tx.example\t70\r\n0Tw")
        # What was sent is in the other socket: when the reactor has turned twice, it has read it.
        for _ in range(2):
            blockingCallFromThread(reactor, deferLater, reactor, 0)  # type: ignore[arg-type]
        reset(connection)

    hole = visit(script)
    answer = await hole.get("/1/x")
    assert answer.status == 200
    assert "One" in answer.page.text
    assert "This is not all of it" in answer.page.text
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("start", "kind", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n0000", "image", "image/png"),
        (b"GIF89a", "image", "image/gif"),
        (b"\xff\xd8\xff\xe0", "image", "image/jpeg"),
        (b"RIFF0000WEBP", "image", "image/webp"),
        (b"RIFF0000WAVE", "image", None),
        (b"RIFF0000WAVE", "sound", "audio/wav"),
        (b"ID3\x04", "sound", "audio/mpeg"),
        (b"OggS", "sound", "audio/ogg"),
        (b"\x1aE\xdf\xa3", "video", "video/webm"),
        (b"\0\0\0\x18ftypmp42", "video", "video/mp4"),
        (b"<svg xmlns=", "image", None),
        (b"<html>", "image", None),
        (b"%PDF-1.7", "image", None),
        (b"", "image", None),
    ],
)
def test_a_media_type_is_told_by_first_bytes(start, kind, expected):
    """Pictures are what they begin like; a page with scripts in it is never a picture."""
    assert media_type(start, kind) == expected


def test_a_name_beyond_ascii_is_sent_in_both_forms():
    """Browsers of today take the name itself, others one in ASCII."""
    assert content_disposition("Küche.txt") == (
        "attachment; filename=\"K_che.txt\"; filename*=UTF-8''K%C3%BCche.txt"
    )


async def test_a_menu_of_many_thousands_of_lines_is_shown_in_parts_to_its_last(visit):
    hole = visit(b"".join(b"0%d\t/%d\tx.example\t70\r\n" % (n, n) for n in range(25_000)))
    here = hole.path("/1/x")
    first = await hole.web.get(here)
    assert "Lines 1–1000 of 25000" in first.page.text
    [more] = [found["href"] for _, found in first.page.elements if found.get("rel") == "next"]
    assert more == here + "?from=1000"
    assert b"not all of it" not in first.body
    last = await hole.web.get(here + "?from=24000")
    assert b">24999<" in last.body and b'rel="next"' not in last.body
    assert len(hole.server.requests) == 1
