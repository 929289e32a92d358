"""`gopher FILE` and `gopher DIRECTORY` show what is here, `gopher URL 7` what link 7 leads to."""

import json
import os
import socket
from pathlib import Path

import pytest

from logsrv.gopher.command.fetch import open_answer
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.wire.fileurl import FileURL
from logsrv.gopher.wire.url import GopherURL
from tests.gopher.command.answers import gopher
from tests.gopher.conftest import Serve
from tests.parts.gopher_servers import Scripted

MENU = (
    b"iHi\t\tnull\t1\r\n0About\t/about\t\t\r\n3oops\t\t\t\r\n1Sub\t/sub\t\t\r\n7Find\t/find\t\t\r\n"
    b"hWeb\tURL:https://web.example/\t\t\r\n9Odd\t/x\th\t0\r\n"
)
ANSWERS = {
    b"": MENU,
    b"/about": b"All about it.\r\n",
    b"/sub": b"0Deep\t/deep\t\t\r\n.\r\n",
    b"/deep": b"Deep down.\r\n",
}


@pytest.fixture
def gopherhole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory `hole` in the current one."""
    found = tmp_path / "hole"
    (found / "sub").mkdir(parents=True)
    (found / "gophermap").write_text(
        "Hi\n0About\tabout.txt\n1Sub\tsub\n1Away\t/x\texample.org\t70\n0Out\t../secret\n7Find\tf\n"
    )
    (found / "about.txt").write_bytes(b"..caf\xe9 \x1b[2J\n.\n")
    (found / "sub" / "deep.bin").write_bytes(bytes(range(256)))
    (tmp_path / "secret").write_text("secret")
    os.mkfifo(found / "pipe")
    monkeypatch.chdir(tmp_path)
    return found


def test_menus_and_texts_are_shown(gopherhole):
    status, shown, _ = gopher("hole")
    assert status == 0 and shown.decode().splitlines()[:3] == [
        "          Hi", "   1 text About", "   2 menu Sub",
    ]  # fmt: skip
    assert gopher("hole/gophermap")[1] == shown
    # As it is: files have no terminator.
    assert gopher("hole/about.txt")[1] == "..café \\x1b[2J\n.\n".encode()
    assert gopher("hole", "1")[1] == gopher("hole/about.txt")[1]
    assert b"deep.bin" in gopher("hole", "2")[1]


def test_links_say_where_they_lead(gopherhole):
    shown = gopher("hole", "--links")[1].decode()
    assert f"<file://{gopherhole}/about.txt>" in shown and "<gopher://example.org/1/x>" in shown
    found = json.loads(gopher(f"file://{gopherhole}/", "--json")[1])
    assert (found["kind"], found["url"]) == ("menu", f"file://{gopherhole}/")
    assert [each["url"] for each in found["items"]][1:4] == [
        f"file://{gopherhole}/about.txt", f"file://{gopherhole}/#1/sub", "gopher://example.org/1/x",
    ]  # fmt: skip


def test_what_is_no_text_is_copied(gopherhole, tmp_path):
    status, shown, sentence = gopher("hole/sub/deep.bin")
    assert (status, shown) == (1, b"") and "--output FILE copies it" in sentence
    assert gopher("hole/sub/deep.bin", "-o", "copy")[0] == 0
    assert gopher("hole", "2", "1", "-o", "-")[1] == bytes(range(256))
    assert gopher("hole/about.txt", "-o", "text")[0] == 0
    assert (tmp_path / "copy").read_bytes() == bytes(range(256))
    assert (tmp_path / "text").read_bytes() == (gopherhole / "about.txt").read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["hole/pipe"], "hole/pipe: it is neither a file nor a directory"),
        (["./nothing"], "./nothing: No such file"),
        (["hole", "4"], "no name in a selector"),
        (["hole", "5"], "only a server can search"),
        (["hole", "red"], "only a server can search"),
        (["hole", "9"], "has no link 9; it has 5"),
    ],
)
def test_what_cannot_be_shown(gopherhole, words, said):
    status, shown, sentence = gopher(*words)
    assert (status, shown) == (1, b"") and said in sentence


def test_a_mirror_begins_with_a_server(gopherhole):
    """Of what is here, a copy needs no gopher."""
    assert gopher("mirror", f"file://{gopherhole}/", "copy")[0] == 1


def test_a_server_leads_to_no_file(gopherhole, serve):
    about = gopherhole / "about.txt"
    server = serve(
        f"hx\tURL:file://{about}\t\t\r\n0x\t{about}\tfile\t70\r\n0x\t{about}\r\n".encode()
    )
    assert "leads out of Gopher" in gopher(server.url(), "1")[2]
    assert (
        b"file:"
        not in json.dumps(json.loads(gopher(server.url(), "--json")[1])["items"][1:]).encode()
    )
    assert gopher(server.url(), "3")[0] == 0
    assert server.requests[-1] == f"{about}\r\n".encode()


def test_both_are_opened_alike(gopherhole, serve):
    server = serve(b"from afar")
    for url, length in (
        (FileURL(os.fsencode(gopherhole), "0", b"/sub/deep.bin"), 256),
        (GopherURL.parse(server.url("/0/x")), None),
    ):
        with open_answer(url, ConnectionOptions()) as answer:
            assert answer.length == length
            assert b"".join(answer.pieces())


def script(connection: socket.socket, request: bytes) -> None:
    selector, _, words = request.rstrip(b"\r\n").partition(b"\t")
    connection.sendall(ANSWERS.get(selector, b"iYou asked for " + words + b"\r\n"))


@pytest.fixture
def server(serve: Serve) -> Scripted:
    return serve(script)


def test_numbers_are_those_that_the_menu_shows(server):
    shown = gopher(server.url())[1].decode().splitlines()
    assert [line[:10].strip() for line in shown] == [
        *("", "1 text", "err", "2 menu", "3 find", "4 link", "5 file"),
    ]
    assert gopher(server.url(), "1")[1] == b"All about it.\n"


def test_one_number_after_the_other(server):
    assert gopher(server.url(), "2", "1")[1] == b"Deep down.\n"


def test_words_behind_the_number_of_a_search(server):
    """A number there is a word."""
    assert b"You asked for red 7" in gopher(server.url(), "3", "red", "7")[1]
    assert b"You asked for 7" in gopher(server.url("/7/find"), "7")[1]


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        ("6", "has no link 6; it has 5"),
        ("0", "has no link 0"),
        ("4", "leads out of Gopher: https://web.example/"),
        ("5", "cannot be followed"),
    ],
)
def test_a_number_that_leads_nowhere_is_a_sentence(server, number, sentence):
    status, out, err = gopher(server.url(), number)
    assert (status, out) == (1, b"") and sentence in err


def test_words_behind_the_number_of_a_text_are_not_sent(server):
    """The server would take them for a search, or leave them out."""
    status, out, err = gopher(server.url(), "2", "1", "3")
    assert (status, out) == (1, b"")
    assert err.endswith("/0/deep is no menu and no search: it takes no words (3)\n")
    assert b"/deep" not in b"".join(server.requests)


def test_no_more_of_a_menu_is_read_than_it_takes(serve):
    def endless(connection: socket.socket, request: bytes) -> None:
        if request.startswith(b"/about"):
            connection.sendall(b"All about it.\n")
        else:
            connection.sendall(MENU)
            connection.recv(1)

    assert gopher(serve(endless).url(), "1")[1] == b"All about it.\n"
