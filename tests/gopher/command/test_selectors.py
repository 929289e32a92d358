"""What people type who know an address from elsewhere: a selector behind the host, or no item type."""

import socket

import pytest

from tests.gopher.command.answers import gopher
from tests.gopher.conftest import Serve
from tests.parts.gopher_servers import LOOPBACK, Scripted, reset
from tests.parts.ports import free_port

ANSWERS = {
    b"": b"1Docs\t/docs\t\t\r\n.\r\n",
    b"/docs": b"0About\t/docs/about\t\t\r\n.\r\n",
    b"/docs/about": b"All about it.\r\n.\r\n",
    b"/docs/notes.txt": b"Notes\twith a TAB\r\n.\r\n",
    b"/notes": b"Notes\twith a TAB\r\n1\t2\t3\tfour\r\n.\r\n",
    b"/plain": b"A first line without fields\r\n0About\t/docs/about\t\t\r\n",
    b"/find\tred hat": b"0Found\t/found\t\t\r\n.\r\n",
}


@pytest.fixture
def site(serve: Serve) -> Scripted:
    def answer(connection: socket.socket, request: bytes) -> None:
        missing = b"3'%s' does not exist\t\terror.host\t1\r\n.\r\n" % request.strip()
        connection.sendall(ANSWERS.get(request.rstrip(b"\r\n"), missing))

    return serve(answer)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["/docs"], b"   1 text About\n"),
        (["/docs/about"], b"All about it.\n"),
        (["/docs/notes.txt"], b"Notes\twith a TAB\n"),
        (["/notes"], b"Notes\twith a TAB\n1\t2\t3\tfour\n"),
        (["/plain"], b"          A first line without fields\n   1 text About\n"),
        (["/find", "red", "hat"], b"   1 text Found\n"),
        (["/docs", "1"], b"All about it.\n"),
        (["/docs/about", "--type", "0"], b"All about it.\n"),
    ],
)
def test_a_word_that_begins_with_a_slash_is_a_selector(site, words, shown):
    status, out, said = gopher(f"{LOOPBACK}:{site.port}", *words)
    assert (status, out.replace(b"\r", b""), said) == (0, shown, "")
    as_json = gopher("--json", f"{LOOPBACK}:{site.port}", *words)
    assert as_json[0] == 0 and (b"About" in as_json[1]) == (b"About" in out)


def test_a_binary_behind_a_host_is_saved(serve, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert gopher(f"{LOOPBACK}:{serve(b'PNG').port}", "/a.png")[0] == 0
    assert (tmp_path / "a.png").read_bytes() == b"PNG"


def test_the_words_of_a_search_may_have_a_slash(site):
    url = site.url("/7/find")
    assert gopher(url, "red", "hat")[1] == b"   1 text Found\n"
    assert "'/find" in gopher(url, "/etc")[2]
    assert site.requests[-1] == b"/find\t/etc\r\n"


@pytest.mark.parametrize(
    ("path", "text"), [("/phlog", "/0/phlog"), ("/t", "/0/t"), ("/about.txt", "/0/about.txt")]
)
def test_a_path_without_an_item_type_is_told_and_nothing_is_saved(
    site, tmp_path, monkeypatch, path, text
):
    monkeypatch.chdir(tmp_path)
    status, out, said = gopher(f"localhost:{site.port}{path}")
    assert (status, out, list(tmp_path.iterdir()), site.requests) == (1, b"", [], [])
    assert f"for a text write gopher://localhost:{site.port}{text}, for a menu" in said
    assert said.startswith(f"gopher: there is no file localhost:{site.port}{path} here, and the")
    assert f"--type {path[1]}" in said and said.count("\n") == 1
    for words in (("mirror", "d"), ("follow",)):
        assert (
            "after the host looks like the type" in gopher(words[0], site.url(path), *words[1:])[2]
        )


@pytest.mark.parametrize("path", ["/0about", "/1docs", "/I/a.gif", "/h", "/hURL:x", "/0"])
def test_an_item_type_is_taken_for_one(site, tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    gopher(site.url(path))
    assert site.requests == [path[2:].encode() + b"\r\n"]


def resets(connection: socket.socket, request: bytes) -> None:
    connection.sendall(b"Half a line")
    reset(connection)


@pytest.mark.parametrize("form", ["selector", "url"])
def test_each_of_the_usual_errors_is_a_sentence_with_a_status(serve, site, form):
    def asked(host: str) -> tuple[int, str]:
        words = (host, "/x") if form == "selector" else (f"gopher://{host}/0/x",)
        status, _, said = gopher(*words)
        assert said.startswith("gopher: ") and said.count("\n") == 1, said
        return status, said

    status, said = asked("nowhere.invalid")
    assert status == 4 and "no address is known for the host nowhere.invalid" in said
    status, said = asked(f"{LOOPBACK}:{free_port()}")
    assert status == 5 and "it refused the connection" in said
    status, said = asked(f"{LOOPBACK}:{serve(resets).port}")
    assert status == 7 and "it broke off after" in said
    status, said = asked(f"{LOOPBACK}:{site.port}")
    assert status == 3 and said == "gopher: the server answers with an error: '/x' does not exist\n"
