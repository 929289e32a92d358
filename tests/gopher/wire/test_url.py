"""Every selector can be written as a URL and is sent as the bytes it was, and its end tells a type."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.errors import ConfigurationError
from logsrv.gopher.wire.errors import BadURL
from logsrv.gopher.wire.fileurl import FileURL, file_name, name_to_save
from logsrv.gopher.wire.itemtypes import item_type_by_name, item_type_of_file
from logsrv.gopher.wire.url import GopherURL, canonical_host, parse_typed_url

_SENDABLE = st.binary(max_size=30).map(lambda part: part.translate(None, b"\0\t\r\n"))
_HOSTS = st.one_of(
    st.sampled_from(
        ["localhost", "gopher.example.org", "127.0.0.1", "xn--bcher-kva.example", "a_b.c."]
    ),
    st.ip_addresses(v=6).map(str),
    st.just("fe80::1%eth0"),
)
_TYPES = st.integers(0, 255).map(chr).filter(lambda letter: letter not in "\0\t\r\n")

urls = st.builds(
    GopherURL,
    _HOSTS,
    st.integers(1, 65535),
    _TYPES,
    _SENDABLE,
    st.none() | _SENDABLE,
    st.none() | _SENDABLE,
    st.booleans(),
)


@given(urls)
def test_a_url_written_down_leads_to_the_same_place(url):
    text = str(url)
    assert GopherURL.parse(text) == url
    assert GopherURL.parse(text.encode()) == url
    assert text.isascii() and text.isprintable() and " " not in text and "#" not in text


@pytest.mark.parametrize(
    ("text", "request_bytes", "address"),
    [
        ("gopher://Example.ORG", b"\r\n", "example.org:70"),
        ("GOPHER://example.org/", b"\r\n", "example.org:70"),
        ("gopher://h:7070/0/caf#351.txt", b"/caf#351.txt\r\n", "h:7070"),
        ("gopher://h/1/a?b=%25c", b"/a?b=%c\r\n", "h:70"),
        ("gopher://h/1/a%2525%25", b"/a%25%\r\n", "h:70"),
        ("gopher://" + "a" * 63 + ".example/", b"\r\n", "a" * 63 + ".example:70"),
        ("gopher://h/7/find%09some words", b"/find\tsome words\r\n", "h:70"),
        ("gopher://h/0x%09%09+text/plain", b"x\t+text/plain\r\n", "h:70"),
        ("gopher://h/7x%09w%09+", b"x\tw\t+\r\n", "h:70"),
        ("gophers://[2001:DB8:0::1]:71/9", b"\r\n", "[2001:db8::1]:71"),
        ("gopher://[fe80::1%25eth0]/", b"\r\n", "[fe80::1%eth0]:70"),
        ("gopher://[fe80::1%2525]/", b"\r\n", "[fe80::1%25]:70"),
        ("gopher://[fe80::1%25e]/", b"\r\n", "[fe80::1%e]:70"),
        (f"gopher://[fe80::1%25{'e' * 64}]/", b"\r\n", f"[fe80::1%{'e' * 64}]:70"),
        ("gopher://" + "a." * 126 + "a/", b"\r\n", "a." * 126 + "a:70"),
        ("gopher://h/0a%%4%zz%6A", b"a%%4%zzj\r\n", "h:70"),
        ("gopher://bücher.example/1/é", b"/\xc3\xa9\r\n", "xn--bcher-kva.example:70"),
        ("gopher://BÜCHER.example/1/", b"/\r\n", "xn--bcher-kva.example:70"),
        ("gopher://h/0\udce9", b"\xe9\r\n", "h:70"),
    ],
)
def test_urls_as_people_write_are_understood(text, request_bytes, address):
    url = GopherURL.parse(text)
    assert (url.request(), url.address) == (request_bytes, address)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("gopher://h/0a%0d%0aRCPT", "CR would end"),
        ("gopher://h/0a%00", "NUL would end"),
        ("gopher://h/%0a", "LF would end"),
        ("gopher://h/0a\tb", "as %09"),
        ("gopher://h/0a%09b%09c%09d", "more than two %09"),
        ("gopher://h/%09words", "item type"),
        ("gopher://h:0/", "1 to 65535"),
        ("gopher://h:70000/", "1 to 65535"),
        ("gopher://h:1e3/", "1 to 65535"),
        ("gopher://" + "9" * 10 + ":" + "9" * 100_000, "1 to 65535"),
        ("gopher:///x", "missing"),
        ("gopher://a b/", "neither"),
        ("gopher://-oProxyCommand=x/", "neither"),
        ("gopher://me@h/", "no user names"),
        ("gopher://" + "a" * 64 + ".example/", "neither"),
        ("gopher://" + "a." * 127 + "a/", "neither"),
        ("gopher://a..example/", "neither"),
        ("gopher://[::1/", "as \\[ADDRESS\\]"),
        ("gopher://[h]/", "not an IPv6"),
        ("gopher://[:x]/", "not an IPv6"),
        ("gopher://[::1%25;x]/", "interface"),
        ("gopher://[::1%25]/", "interface"),
        ("gopher://[::1%25a%25b]/", "interface"),
        (f"gopher://[::1%25{'e' * 65}]/", "interface"),
        ("gopher://" + "a." * 126 + "aa/", "neither"),
        ("gopher://h?x", "stands a /"),
        ("http://h/", "gopher:// or gophers://"),
        ("h/1/x", "gopher:// or gophers://"),
    ],
)
def test_a_wrong_url_is_refused_with_the_reason(text, reason):
    with pytest.raises(BadURL, match=reason):
        GopherURL.parse(text)


def test_a_search_cannot_carry_a_second_request():
    search = GopherURL.parse("gopher://h/7/find").searching("größe")
    assert search.request() == "/find\tgröße\r\n".encode()
    for words in ("a\tb", "a\r\nb", "a\0"):
        with pytest.raises(BadURL):
            search.searching(words)


def test_international_names_that_cannot_be_are_refused():
    with pytest.raises(BadURL, match="international"):
        canonical_host("a‥b☃.example")


def test_what_is_typed_may_lack_the_scheme():
    assert (
        parse_typed_url(b" example.org ")
        == parse_typed_url("example.org")
        == GopherURL("example.org")
    )
    assert parse_typed_url(b"gophers://example.org/0/x").tls
    # This is part of a selector.
    assert parse_typed_url("example.org/0/x://y").selector == b"/x://y"
    with pytest.raises(BadURL):
        parse_typed_url(b"http://example.org/")


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("gopher://h/9/files/pic.gif", "pic.gif"),
        ("gopher://h/9/files/", "files"),
        ("gopher://h/9", "h"),
        ("gopher://h/9/../../etc/passwd", "passwd"),
        ("gopher://h/9/..", "=2E=2E"),
        ("gopher://h/9/a%5C..%5Cb.exe", "b.exe"),
        ("gopher://h/9/%1B%5B2J", "=1B[2J"),
        ("gopher://h/9/.bashrc", "=2Ebashrc"),
        ("gopher://h/9/caf%23351.bin", "café.bin"),
        ("gopher://h/9/caf%C3%A9.bin", "café.bin"),
        ("gopher://h/9/a%22;evil=%22x", "a=22;evil==22x"),
        ("gopher://h/9/a%23057b", "b"),
    ],
)
def test_the_name_comes_from_the_selector_and_is_safe(url, name):
    assert file_name(GopherURL.parse(url)) == name


@pytest.mark.parametrize(
    ("name", "start", "letter"),
    [
        (b"about.txt", b"Hello\r\n", "0"),
        (b"README", b"caf\xe9\n", "0"),
        (b"drawing.asc", b"\x1b[31mred\x1b[0m\n", "0"),
        (b"empty", b"", "0"),
        (b"teletype", b"\a\b\t\n\v\f\r\x1b", "0"),
        (b"core", b"\x7fELF\0\0", "9"),
        (b"lie.txt", b"\0\1\2", "9"),
        (b"PHOTO.JPG", b"\xff\xd8\xff", "I"),
        (b"old.gif", b"GIF89a", "g"),
        (b"page.html", b"<html>", "h"),
        (b"copy.tar.gz", b"\x1f\x8b", "5"),
        (b"paper.pdf", b"%PDF", "P"),
        (b"no.ending.", b"text", "0"),
    ],
)
def test_type_of_a_file_comes_from_ending_and_start(name, start, letter):
    assert item_type_of_file(name, start) == letter


def test_the_type_of_most_names_comes_from_the_ending_alone():
    """Most names need no look into the file."""
    assert (
        item_type_by_name(b"a.txt"),
        item_type_by_name(b"README"),
        item_type_by_name(b"a.\xff"),
    ) == (*("0", None, None),)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (FileURL(b"/srv/docs/"), "file:///srv/docs/"),
        (FileURL(b"/"), "file:///"),
        (FileURL(b"/srv", "0", b"/a.txt"), "file:///srv/a.txt"),
        (FileURL(b"/srv", "0", b"/README"), "file:///srv/#0/README"),
        (FileURL(b"/srv", "1", b"/docs/"), "file:///srv/#1/docs/"),
        (FileURL(b"/srv", "0", b"/docs/a.txt"), "file:///srv/#0/docs/a.txt"),
        (FileURL(b"/s#r\xe9?", "0", b"/a#b.txt"), "file:///s%23r%E9%3F/a%23b.txt"),
    ],
)
def test_the_directory_that_was_opened_stands_in_the_address(url, text):
    assert str(url) == text and FileURL.parse(text) == url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("file:/srv/docs/", FileURL(b"/srv/docs")),
        ("FILE://localhost/srv/docs", FileURL(b"/srv/docs")),
        ("file:///srv/café.txt", FileURL(b"/srv", "0", "/café.txt".encode())),
    ],
)
def test_localhost_and_other_spellings_of_a_file_url_are_read(text, url):
    assert FileURL.parse(text) == url


@pytest.mark.parametrize(
    "text", ["file://other.example/etc/", "file:relative", "file:", "file:////x", "file:///a%00b/"]
)
def test_a_text_that_is_not_a_file_url_is_refused(text):
    with pytest.raises(ConfigurationError):
        FileURL.parse(text)


def test_a_file_url_gives_the_path_and_the_name_of_its_file():
    url = FileURL(b"/srv/docs", "0", b"/sub/a.txt")
    assert (url.path, url.name) == (b"/srv/docs/sub/a.txt", b"a.txt")
    assert (FileURL(b"/srv").name, FileURL(b"/").name, FileURL(b"/").path) == (b"srv", b"/", b"/")
    assert url.beside("1", b"/x/") == FileURL(b"/srv/docs", "1", b"/x/")


def test_a_name_to_save_is_safe():
    """gophernicus writes bytes in octal; files here have the names that they have."""
    assert name_to_save(FileURL(b"/srv", "0", b"/sub/-rf \x1b")) == "=2Drf =1B"
    assert name_to_save(FileURL(b"/srv", "0", b"/caf#351.txt")) == "caf#351.txt"
    assert name_to_save(GopherURL("h.org", selector=b"/caf#351.txt")) == "café.txt"
