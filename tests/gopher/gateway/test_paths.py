"""Every Gopher item has a web path, and browsers leave it as it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.gateway.paths import (
    CHARSETS,
    ItemView,
    is_gopher_path,
    parse_path,
    parse_query,
)
from logsrv.gopher.wire.errors import BadURL
from logsrv.gopher.wire.url import GopherURL

WIRE = st.binary(max_size=60).map(
    lambda data: bytes(byte for byte in data if byte not in b"\0\t\r\n")
)
DOTTED = st.lists(st.sampled_from([b".", b"..", b"a", b"", b"%2e", b"?q=", b"#"])).map(b"/".join)
PLACES = st.builds(
    ItemView,
    st.builds(
        GopherURL,
        st.sampled_from(["example.org", "::1", "192.0.2.1", "bücher.example"]),
        st.sampled_from([70, 1, 65535]),
        st.sampled_from("0179ghI.?/+%;é"),
        WIRE | DOTTED,
        st.none() | WIRE,
        tls=st.booleans(),
    ),
    st.sampled_from(["page", "file", "media"]),
    st.integers(0, 10_000_000),
    st.sampled_from([None, "cp437", "utf-8"]),
)


@given(PLACES)
def test_every_item_has_a_path(view):
    """Whatever bytes a selector has, following its link asks the server for exactly these."""
    path = view.path
    assert path.isascii()
    assert is_gopher_path(path.partition("?")[0].encode())
    assert parse_path(path.encode()) == view


@given(PLACES)
def test_a_path_needs_no_escaping(view):
    assert not set(view.path.partition("?")[0]) & set('\\"<> ^`{|}#')


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("gopher://example.org", "/gopher/example.org/"),
        ("gopher://example.org/0/a b.txt", "/gopher/example.org/0/a%20b.txt"),
        ("gophers://example.org:7070/1/x", "/gophers/example.org:7070/1/x"),
        ("gopher://[::1]/1/what?", "/gopher/[::1]/1/what%3F"),
        ("gopher://example.org/7/find%09two words", "/gopher/example.org/7/find?q=two%20words"),
    ],
)
def test_a_path_is_the_url_without_its_scheme_where_it_can_be(url, path):
    """Paths are the URL without its scheme, wherever they can be."""
    assert ItemView(GopherURL.parse(url)).path == path


def test_the_plus_signs_of_a_form_become_spaces():
    """What a search form sends, with + for spaces, is what is searched for."""
    view = parse_path(b"/gopher/example.org/7/find?q=tea+%26+caf%C3%A9&x=y")
    assert view.url.request() == "/find\ttea & café\r\n".encode()
    assert parse_query(b"a=1&a=2&b&c=") == {b"a": b"1", b"c": b""}


@pytest.mark.parametrize(
    "path",
    [
        b"/gopher/example.org/1a%0d%0ab",
        b"/gopher/example.org/1a%00",
        b"/gopher/example.org/7a?q=x%0d%0ay",
        b"/gopher/example.org/7a?q=x%09y",
        b"/gopher/example.org/0a?as=script",
        b"/gopher/example.org/1a?from=-1",
        b"/gopher/example.org/1a?from=99999999999",
        b"/gopher/example.org/1a?charset=utf-16",
        b"/gopher/example.org/1a?charset=idna",
        b"/gopher/example.org/1a?charset=%ff",
        b"/gopher/example.org:99999/",
        b"/gopher/user@example.org/",
        b"/gopher/",
        b"/gopher",
    ],
)
def test_a_path_that_could_send_more_than_one_request_is_refused(path):
    """What could reach the wire as more than one request, and what makes no sense, is refused."""
    with pytest.raises(BadURL):
        parse_path(path)


def test_every_offered_charset_is_parsed_to_its_own_name():
    """Every set that is accepted has the name that links are written with."""
    for name in CHARSETS:
        assert parse_path(f"/gopher/example.org/?charset={name}".encode()).charset == name
    assert parse_path(b"/gopher/example.org/?charset=latin-1").charset == "iso8859-1"
