"""Against the real gophernicus and pygopherd."""

from typing import Any
from urllib.parse import quote

import pytest

from logsrv.gopher import GopherClient, PinStore, ServerError, Trust, urlopen
from tests.parts.gopher_servers import TREE


@pytest.fixture
def client(reactor: Any) -> GopherClient:
    return GopherClient(reactor)


@pytest.mark.parametrize("name", [name for name in TREE if not name.startswith(b"cgi-bin")])
async def test_pygopherd_files_arrive_as_they_lie_on_its_disk(client, pygopherd, tmp_path, name):
    url = f"gopher://127.0.0.1:{pygopherd}/9/{quote(name)}"
    await client.download(url, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == TREE[name]
    with urlopen(url) as file:
        assert file.read() == TREE[name]


@pytest.mark.parametrize("name", [b"bin.dat", b"pic.gif"])
async def test_gophernicus_binaries_arrive_as_they_lie_on_its_disk(
    client, gophernicus, tmp_path, name
):
    await client.download(f"gopher://127.0.0.1:{gophernicus}/9/{quote(name)}", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == TREE[name]


@pytest.mark.parametrize("port", ["gophernicus", "pygopherd"], indirect=True)
async def test_texts_read_the_same_from_both(client, port):
    dots = await client.text(f"gopher://127.0.0.1:{port}/0/dots.txt")
    assert dots.decoded() == TREE[b"dots.txt"].decode()
    latin1 = await client.text(f"gopher://127.0.0.1:{port}/0/latin1.txt")
    assert latin1.decoded() == "café latin-1\n"
    empty = await client.text(f"gopher://127.0.0.1:{port}/0/empty.txt")
    assert empty.content == b""


@pytest.mark.parametrize("port", ["gophernicus", "pygopherd"], indirect=True)
async def test_every_link_of_a_menu_can_be_followed(client, port, tmp_path):
    """Octal-escaped and raw names, Latin-1 and UTF-8: what the menu says is what the server knows."""
    menu = await client.menu(f"gopher://127.0.0.1:{port}/")
    links = [url for item in menu.items if (url := item.url(menu.url))]
    assert len(links) >= 12
    texts = set()
    for url in links:
        if url.item_type == "0":
            texts.add((await client.text(url)).decoded().strip())
        elif url.item_type == "1":
            assert (await client.menu(url)).items
        else:
            await client.download(url, tmp_path / "file")
    assert {"utf8 name", "latin1 name", "Hello from gopher.\nSecond line."} <= {
        text.replace("\r", "") for text in texts
    }


@pytest.mark.parametrize("port", ["gophernicus", "pygopherd"], indirect=True)
async def test_a_search_finds_its_words(client, port):
    menu = await client.search(f"gopher://127.0.0.1:{port}/7/cgi-bin/search.cgi", "hello world")
    assert menu.items[0].text() == "Results for: hello world"


@pytest.mark.parametrize(
    ("port", "path"),
    [("gophernicus", "/1/nope/"), ("pygopherd", "/1/nope"), ("pygopherd", "/9/nope")],
    indirect=["port"],
)
async def test_what_does_not_exist_is_an_error_of_the_server(client, port, path, tmp_path):
    with pytest.raises(ServerError):
        await client.download(f"gopher://127.0.0.1:{port}{path}", tmp_path / "file")
    with pytest.raises(ServerError):
        urlopen(f"gopher://127.0.0.1:{port}{path}")
    assert not list(tmp_path.iterdir())


async def test_gopher_plus_of_pygopherd_is_understood(client, pygopherd):
    here = f"gopher://127.0.0.1:{pygopherd}"
    async with await client.open(f"{here}/9/bin.dat%09%09+") as response:
        assert response.length == len(TREE[b"bin.dat"])
        assert b"".join([piece async for piece in response]) == TREE[b"bin.dat"]
    with pytest.raises(ServerError, match="does not exist"):
        await client.text(f"{here}/0/nope.txt%09%09+")


@pytest.mark.slow
async def test_gophernicus_ignores_gopher_plus_and_is_understood(client, gophernicus):
    here = f"gopher://127.0.0.1:{gophernicus}"
    assert (await client.text(f"{here}/0/hello.txt%09%09+")).decoded().startswith("Hello")


@pytest.mark.slow
async def test_menus_texts_and_files_of_pygopherd_come_over_tls(
    reactor, pygopherd, certificate, tmp_path
):
    for trust in (
        Trust(cafile=certificate, accept_cut=True),
        Trust(pins=PinStore(tmp_path / "pins"), accept_cut=True),
    ):
        client = GopherClient(reactor, trust=trust)
        menu = await client.menu(f"gophers://127.0.0.1:{pygopherd}/")
        links = [url for item in menu.items if (url := item.url(menu.url))]
        assert links and all(url.tls for url in links)
        hello = await client.text(f"gophers://127.0.0.1:{pygopherd}/0/hello.txt")
        assert hello.content == TREE[b"hello.txt"]
        with urlopen(f"gophers://127.0.0.1:{pygopherd}/9/bin.dat", trust=trust) as file:
            assert file.read() == TREE[b"bin.dat"]
