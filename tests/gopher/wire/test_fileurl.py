"""Addresses of local files: each can be written, and read again as what it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.errors import ConfigurationError
from logsrv.gopher.wire.fileurl import FileURL, name_to_save, parse_item_url
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.escape import one_line

_BYTES = st.binary(max_size=20).map(lambda part: part.translate(None, b"\0"))
_PATHS = _BYTES.map(lambda part: b"/" + part.lstrip(b"/"))
_NAMES = st.sampled_from(
    [b"/a.txt", b"/sub/b.txt", b"/a b?#%.html", b"a.txt", b"", b"/", b"/d.txt/"]
)


@given(_PATHS, st.sampled_from("01hI9\xe9"), _NAMES | _BYTES)
def test_every_address_is_read_as_it_was_written(path, letter, selector):
    url = FileURL(path, letter, selector)
    assert parse_item_url(str(url)) == url
    assert str(url).isascii() and one_line(str(url)) == str(url)


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
