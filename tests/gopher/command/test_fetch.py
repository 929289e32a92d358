"""`gopher URL` shows, saves and explains, and its exit status tells what came of it."""

import json
import os
import socket

import pytest

from tests.gopher.command.answers import EVIL, MENU, gopher, hang
from tests.parts.gopher_servers import LOOPBACK, SocksProxy, cut
from tests.parts.ports import free_port


def test_a_menu_and_a_text_are_printed(serve):
    assert gopher(serve(MENU).url()) == (0, b"          Hi\n   1 text About\n", "")
    assert gopher(serve(b"a\r\n..b\r\n.\r\n").url("/0x")) == (0, b"a\n.b\n", "")
    assert gopher(serve(b"\xe1\n").url("/0x"), "--charset", "cp437")[1] == "ß\n".encode()


@pytest.mark.parametrize(
    ("words", "end"),
    [
        (("mirrror", "gopher.example"), "mirrror here (did you mean gopher mirror?)\n"),
        (("mirror", "no.invalid", "copy"), "or try again later\n"),
        (("gopher://brwse.invalid",), "or try again later\n"),
        (("qqqqq",), "or try again later; nor is there a file qqqqq here\n"),
        (("--links", "notes.invalid"), "nor is there a file notes.invalid here\n"),
    ],
)
def test_a_misspelt_command_or_file_is_no_host(words, end):
    status, out, err = gopher(*words)
    assert (status, out) == (4, b"") and err.endswith(end)


def test_a_directory_with_a_link_to_no_host_is_not_taken_for_a_host(tmp_path):
    (tmp_path / "gophermap").write_bytes(b"1There\t/\tno.invalid\t70\n")
    status, out, err = gopher(str(tmp_path), "1")
    assert (status, out) == (4, b"") and err.endswith("or try again later\n")


def test_links_json_and_raw(serve):
    url = serve(MENU).url()
    assert b"<gopher://127.0.0.1/0/about>" in gopher(url, "--links")[1]
    assert json.loads(gopher(url, "--json")[1])["kind"] == "menu"
    assert gopher(url, "--raw")[1] == MENU
    assert gopher(serve(EVIL).url("/0x"), "--raw")[1] == EVIL
    text = json.loads(gopher(serve(b"..a\r\n.\r\n").url("/0x"), "--json")[1])
    assert (text["text"], text["terminated"]) == (".a\n", True)


def test_gopher_plus_texts_keep_their_dots(serve):
    url = serve(b"+6\r\n..a\n.\nrest").url("/0x")
    assert gopher(url, "--plus")[1] == b"..a\n.\n"
    assert json.loads(gopher(url, "--plus", "--json")[1])["text"] == "..a\n.\n"


def test_words_are_searched_for(serve):
    server = serve(MENU)
    assert gopher(server.url("/7find"), "red", "hat")[0] == 0
    assert server.requests == [b"find\tred hat\r\n"]


def test_binaries_are_saved(serve, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = bytes(range(256)) * 1000
    url = serve(content).url("/9/dir/x.bin")
    assert gopher(url) == (0, b"", "saved as x.bin (250.0 KiB)\n")
    assert (tmp_path / "x.bin").read_bytes() == content
    status, _, sentence = gopher(url)
    assert (status, sentence.count("\n")) == (1, 1)
    assert "x.bin is there already" in sentence
    assert gopher(url, "--force")[0] == 0
    assert gopher(url, "--output", "-")[1] == content
    assert gopher(url, "-o", "y")[0] == 0
    assert json.loads(gopher(url, "--json")[1])["bytes"] == len(content)
    assert sorted(os.listdir()) == ["x.bin", "y"]


@pytest.mark.parametrize(
    ("answer", "path", "status", "code"),
    [
        (b"3'/x' does not exist\t\terror.host\t1\r\n.\r\n", "/0x", 3, "server-error"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "/", 9, "not-gopher"),
        (b"+5\r\nab", "/9x%09%09+", 7, "truncated"),
        (b"x" * 1000, "/0x", 8, "too-big"),
        (b"x" * 1000, "/9x", 8, "too-big"),
    ],
)
def test_errors_of_servers_have_their_status(
    serve, tmp_path, monkeypatch, answer, path, status, code
):
    monkeypatch.chdir(tmp_path)
    url = serve(answer).url(path)
    found, _, sentence = gopher(url, "--max-size", "500")
    assert (found, sentence.startswith("gopher: ")) == (status, True)
    found, out, _ = gopher(url, "--max-size", "500", "--json")
    assert (found, json.loads(out)["error"]["code"]) == (status, code)
    assert os.listdir(tmp_path) == [], "no half file"


def test_errors_of_the_way_have_their_status(serve, certificate):
    free = free_port()
    assert gopher("nowhere.invalid")[0] == 4
    assert gopher(f"{LOOPBACK}:{free}")[0] == 5
    assert gopher(serve(MENU, certificate).url(scheme="gophers"))[0] == 10
    assert gopher("h", "--proxy", f"socks5://{LOOPBACK}:{free}")[0] == 11
    server = serve(hang)
    assert gopher(server.url(), "--timeout", "200ms")[0] == 6
    assert gopher("http://h/")[0] == 1
    assert gopher("h", "--nothing")[0] == 2
    assert gopher("browse", "--nothing")[0] == 2


def test_tls_with_a_ca_file_and_with_pins(serve, certificate, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    url = serve(MENU, certificate).url(scheme="gophers")
    assert gopher(url, "--cafile", str(certificate))[0] == 0
    assert gopher(url, "--insecure")[0] == 0
    assert gopher(url, "--pin")[0] == 0
    assert "sha256:" in (tmp_path / "logsrv" / "gopher-pins").read_text()

    def cut_off(connection: socket.socket, _: bytes) -> None:
        connection.sendall(MENU)
        cut(connection)

    url = serve(cut_off, certificate).url(scheme="gophers")
    assert gopher(url, "--insecure")[0] == 7
    assert gopher(url, "--insecure", "--accept-cut")[0] == 0


def test_a_proxy_leads_there(serve):
    proxy = SocksProxy(serve(MENU).port)
    try:
        assert gopher("hidden.onion", "--proxy", f"socks5://{LOOPBACK}:{proxy.port}")[0] == 0
    finally:
        proxy.close()


@pytest.mark.parametrize("path", ["/", "/1/pictures", "/0/about.txt", "/9/picture"])
def test_a_server_that_sends_nothing_because_it_speaks_tls_is_an_error_that_says_what_to_write(
    serve, certificate, tmp_path, monkeypatch, path
):
    monkeypatch.chdir(tmp_path)
    server = serve(MENU, certificate)
    # It waits for more after an empty selector, and closes without an alert after a longer one.
    status, out, err = gopher(server.url(path), "--timeout", "300ms")
    written = f"write {server.url(path, 'gophers')}\n"
    assert (status, out) == (9, b"") and err.startswith("gopher: ") and err.endswith(written)
    assert os.listdir() == []


def test_an_empty_text_is_shown_and_a_note_says_that_nothing_came(serve):
    status, out, err = gopher(serve(b"").url("/0/empty.txt"))
    assert (status, out) == (0, b"") and "without an answer, or the item is empty" in err
    assert gopher(serve(b".\r\n").url("/0/empty.txt")) == (0, b"", "")
    status, out, err = gopher(serve(b"").url("/0/empty.txt"), "--json")
    assert (json.loads(out)["text"], err) == ("", "")
