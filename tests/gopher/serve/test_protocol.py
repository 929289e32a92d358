"""`twistd gopherd` as its clients have it: in memory, as a process, and to our own client and mirror."""

import errno
import io
import os
import re
import socket
import sys
from pathlib import Path

import pytest
from twisted.logger import capturedLogs, formatEvent

from logsrv.gopher.command.main import run
from logsrv.gopher.serve.protocol import (
    PATIENCE as SERVER_PATIENCE,
)
from logsrv.gopher.serve.protocol import (
    GopherdState,
    GopherServer,
    ServeOptions,
)
from logsrv.kit.testing import MemoryService, conformance
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.daemons import Twistd
from tests.parts.gopher_servers import LOOPBACK, TREE
from tests.parts.strangers import memory

BIG = 50_000_000
# The port of what is in memory.
LISTENS = 7000
TLS = "ssl:0:interface=127.0.0.1:privateKey={0}:certKey={0}"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    found = tmp_path / "hole"
    (found / "sub").mkdir(parents=True)
    (found / "a.txt").write_bytes(b".begins with a dot\nlone:\n.\r\nlast")
    (found / "b.bin").write_bytes(bytes(range(256)) * 4000)
    return found


def serving(directory: Path, *arguments: str) -> MemoryService:
    return MemoryService(
        GopherServer,
        f"--directory={directory}",
        *arguments,
        options=ServeOptions,
        state=GopherdState,
    )


def answer(service: MemoryService, request: bytes) -> bytes:
    """Return the answer, without the dates and sizes of a listing."""
    peer = service.connect()
    peer.feed(request)
    found = peer.received()
    assert peer.closed
    return re.sub(rb" +\d{4}-\d\d-\d\d[^\t]*", b"", found)


def test_menus_name_the_server(directory):
    """The name is the operator's, else where the client has connected to."""
    menu = b"1sub\t/sub/\tgopher.example\t7000\r\n0a.txt\t/a.txt\tgopher.example\t7000\r\n"
    service = serving(directory, "--host", "gopher.example:7000")
    assert answer(service, b"\r\n").startswith(menu)
    assert answer(service, b"/\n").endswith(b"\r\n.\r\n")


@pytest.mark.parametrize(
    ("name", "host", "port"),
    [
        ("gopher.example", b"gopher.example", LISTENS),
        ("gopher.example:70", b"gopher.example", 70),
        ("[2001:db8::1]", b"2001:db8::1", LISTENS),
        ("[2001:db8::1]:7001", b"2001:db8::1", 7001),
    ],
)
def test_menus_lead_to_where_it_listens(directory, name, host, port):
    """A name without a port says nothing about the port: links that lead to 70 would be refused."""
    menu = answer(serving(directory, "--host", name), b"\r\n")
    assert menu.startswith(b"1sub\t/sub/\t%s\t%d\r\n" % (host, port))


def test_texts_are_as_the_rfc_wants_them(directory):
    """CRLF, dots doubled, a dot at the end, and the last line is a line."""
    assert answer(serving(directory), b"/a.txt\r\n") == (
        b"..begins with a dot\r\nlone:\r\n..\r\nlast\r\n.\r\n"
    )


def test_binaries_are_as_they_are(directory):
    assert answer(serving(directory), b"b.bin\r\n") == bytes(range(256)) * 4000


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (b"/x\x1b[2J\xe9\r\n", rb"3'/x\x1b[2J\xe9': there is nothing of that name here."),
        (b"/../../etc/passwd\r\n", b"3'/../../etc/passwd': there is nothing"),
        (b"/sub\ttwo words\r\n", b"3This server has no searches."),
        (b"x" * 5000 + b"\r\n", b"3A request has at most 4096 bytes."),
        (b"URL:javascript:alert(1)\r\n", b"3'URL:javascript:alert(1)': such a link"),
        (b"GET / HTTP/1.1\r\n", b"3'GET / HTTP/1.1': there is nothing"),
    ],
)
def test_what_cannot_be_had_is_an_error_in_a_line(directory, request_, said):
    found = answer(serving(directory), request_)
    assert found.startswith(said)
    assert found.endswith(b"\t\terror.host\t1\r\n.\r\n")
    assert found.count(b"\t") == 3


@pytest.mark.parametrize("plus", [b"+", b"!", b"$"])
def test_gopher_plus_gets_plain_answers(directory, plus):
    assert answer(serving(directory), b"/a.txt\t" + plus + b"\r\n").startswith(b"..begins")


def test_links_out_of_gopher_are_explained(directory):
    page = answer(serving(directory), b'URL:https://example.org/?a=1&b="x\r\n')
    assert b'<a href="https://example.org/?a=1&amp;b=&quot;x"' in page


def test_hostile_names_end_no_line(directory):
    (directory / "gophermap").write_bytes(b"0Two\rlines\t/a\rb\n3Broken\t/x\niText\t\th\t70\n")
    service = serving(directory, "--host", "h")
    assert answer(service, b"\r\n") == (
        b"0Two lines\t/a b\th\t7000\r\n3Broken\t\terror.host\t1\r\niText\t\terror.host\t1\r\n.\r\n"
    )


def test_a_peer_that_says_nothing_or_takes_nothing_is_cut_off(directory):
    service = serving(directory)
    silent, slow = service.connect(), service.connect(reads=False)
    slow.feed(b"/b.bin\r\n")
    assert slow.unread < 700_000, "the rest waits on the disk, not in memory"
    service.clock.advance(SERVER_PATIENCE - 1)
    assert not silent.closed and not slow.closed
    service.clock.advance(2)
    assert silent.closed and slow.closed


def test_a_file_that_cannot_be_read_to_its_end_does_not_seem_to_be_whole(directory, monkeypatch):
    """Gopher has no other sign of that than a connection that breaks."""
    service = serving(directory)
    peer = service.connect(reads=False)
    peer.feed(b"/b.bin\r\n")

    def failing(self: object, data: bytes) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(GopherServer, "_send_and_wait", failing)
    peer.start_reading()
    got = peer.received()
    assert peer.transport.disconnected
    assert bytes(range(256)) * 4000 == got + (bytes(range(256)) * 4000)[len(got) :]


@pytest.mark.parametrize("name", ["b.bin", "long.txt"])
def test_a_file_that_shrinks_meanwhile_does_not_seem_to_be_whole(directory, name):
    (directory / "long.txt").write_bytes(b"a line of text\n" * 70_000)
    service = serving(directory)
    peer = service.connect(reads=False)
    peer.feed(f"/{name}\r\n".encode())
    os.truncate(directory / name, 600_000)
    peer.start_reading()
    assert not peer.received().endswith(b"\r\n.\r\n")
    assert peer.transport.disconnected, "a close would say that this is all"


def test_a_file_that_grows_meanwhile_is_sent(directory):
    service = serving(directory)
    peer = service.connect(reads=False)
    peer.feed(b"/b.bin\r\n")
    with open(directory / "b.bin", "ab") as file:
        file.write(b"more")
    peer.start_reading()
    assert peer.received().endswith(b"\xff" + b"more") and not peer.transport.disconnected


def test_a_large_directory_does_not_keep_others_waiting(directory):
    for number in range(1200):
        (directory / "sub" / f"{number:04}").touch()
    service = serving(directory, "--host", "h")
    first = service.connect()
    first.feed(b"/sub\r\n")
    menu = first.received()
    assert menu.count(b"\r\n") < 1000 and not first.closed
    assert answer(service, b"/a.txt\r\n").startswith(b"..begins")
    for _ in range(5):
        service.clock.advance(0)
    menu += first.received()
    assert menu.count(b"\r\n") == 1201 and menu.endswith(b"\r\n.\r\n") and first.closed


def test_requests_are_counted_and_logged(directory):
    service = serving(directory)
    for request in (b"\r\n", b"/a.txt\r\n", b"/nothing\r\n"):
        answer(service, request)
    for kind in ("menu", "text", "error"):
        assert service.metric("gopherd_requests_total", answer=kind) == 1


def test_programs_are_refused_with_a_sentence_in_the_log(directory):
    """Once for each, not for each request. A gophermap that is no program is shown as a menu."""
    (directory / "sub" / "gophermap").write_text("# password\nHello\n")
    service = serving(directory)
    assert answer(service, b"/sub/gophermap\r\n").startswith(b"iHello\t")
    (directory / "sub" / "gophermap").chmod(0o755)
    with capturedLogs() as logged:
        for _ in range(2):
            refused = answer(service, b"/sub/\r\n")
            assert refused.startswith(b"3'/sub/': this would come from a program")
        answer(service, b"/cgi-bin/run\r\n")
        (directory / "gophermap").write_text("=sub/gophermap\n=sub/gophermap\n=a.txt\n")
        assert b"password" not in answer(service, b"\r\n")
    told = [formatEvent(event) for event in logged if "reason" in event]
    for each, selector in zip(told, ("/sub/", "/cgi-bin/run", "/sub/gophermap"), strict=True):
        assert f"{selector} is not served: " in each


@pytest.mark.slow
def test_the_server_passes_the_conformance_tests_of_the_kit(directory):
    conformance(
        GopherServer,
        b"/a.txt\r\n",
        b"\r\n",
        arguments=(f"--directory={directory}", "--host=h"),
        options=ServeOptions,
        state=GopherdState,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What the real servers serve."""
    found = tmp_path / "tree"
    for name, content in TREE.items():
        path = os.path.join(os.fsencode(found), name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
    return found


def gopher(*words: str) -> tuple[int, bytes, str]:
    out, err = io.BytesIO(), io.StringIO()
    status = run(words, out, err)
    return status, out.getvalue(), err.getvalue()


@pytest.mark.slow
def test_a_mirror_of_it_is_what_it_serves(tree, tmp_path):
    """And that mirror, served in turn, is the same once more."""
    first, second = tmp_path / "first", tmp_path / "second"
    for source, target in ((tree, first), (first, second)):
        with Twistd(
            "gopherd", f"--directory={source}", f"--listen={LOOPBACK_ANY}", directory=tmp_path
        ) as server:
            status, said, _ = gopher("mirror", f"{LOOPBACK}:{server.port()}", str(target))
            assert status == 0, said
    for name, content in TREE.items():
        if name.startswith(b"cgi-bin/"):
            assert not (first / os.fsdecode(name)).exists()
            continue
        path = b"caf=E9-latin1.txt" if name == b"caf\xe9-latin1.txt" else name
        found = (first / os.fsdecode(path)).read_bytes()
        if content == found:
            continue
        assert found == b"".join(line + b"\r\n" for line in content.splitlines()), name
    ours = {"gophermap", "index.html", ".gopher-mirror"}
    for copy in first.rglob("*"):
        if copy.is_file() and copy.name not in ours:
            assert (second / copy.relative_to(first)).read_bytes() == copy.read_bytes()
    assert (first / "gophermap").read_bytes() == (second / "gophermap").read_bytes()


LOOPBACK_ANY = "tcp:0:interface=127.0.0.1"


@pytest.mark.slow
def test_tls_and_the_command(directory, certificate, tmp_path):
    """Menus inside of TLS lead on inside of it."""
    with Twistd(
        *("gopherd", f"--directory={directory}", f"--listen={TLS.format(certificate)}"),
        directory=tmp_path,
    ) as server:
        url = f"gophers://{LOOPBACK}:{server.port()}"
        status, shown, said = gopher(url, "--cafile", str(certificate), "--links")
        assert (status, said) == (0, "")
        assert f"{url}/0/a.txt".encode() in shown
        assert gopher(f"{url}/0/a.txt", "--cafile", str(certificate))[1].splitlines() == [
            *(b".begins with a dot", b"lone:", b".", b"last"),
        ]


@pytest.mark.slow
def test_a_slow_reader_costs_no_memory(directory, tmp_path):
    """A large file waits on the disk while its reader does, and comes whole; others are answered."""
    big = directory / "big.bin"
    with open(big, "wb") as file:
        file.write(b"\0")
        file.truncate(BIG)
    with Twistd(
        "gopherd", f"--directory={directory}", f"--listen={LOOPBACK_ANY}", directory=tmp_path
    ) as server:
        gopher(f"{LOOPBACK}:{server.port()}")
        before = memory(server.pid, most=True)
        with socket.create_connection((LOOPBACK, server.port()), PATIENCE) as slow:
            slow.sendall(b"/big.bin\r\n")
            assert slow.recv(1) == b"\0"
            assert gopher(f"{LOOPBACK}:{server.port()}/0/a.txt")[0] == 0
            received = 1
            while piece := slow.recv(1 << 20):
                received += len(piece)
        assert received == BIG
        assert memory(server.pid, most=True) - before < 8 << 20


@pytest.mark.slow
def test_no_directory_is_one_sentence(tmp_path, capfd):
    import subprocess

    from logsrv.gopher.command.serve import server_command

    done = subprocess.run(
        [sys.executable, *server_command(str(tmp_path / "nothing"), ["--listen", LOOPBACK_ANY])[1:]],
        cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 1
    assert "there is no directory" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
