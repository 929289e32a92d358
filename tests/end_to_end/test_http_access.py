"""Access to the web interface of the real daemon, and its endpoints: tokens, names, TLS, reloads."""

import contextlib
import http.client
import socket
from collections.abc import Iterator

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.end_to_end.web_daemon import HTTP, TOKEN, client_of, send
from tests.parts.certificates import certificate_file
from tests.parts.daemons import reload, starting
from tests.parts.ports import free_port
from tests.parts.web_clients import Client


@pytest.fixture(scope="module")
def servers_by_path(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, list[int | str]]]:
    """A path that answers with 200, and where its servers listen: ports, and UNIX sockets."""
    home = tmp_path_factory.mktemp("servers")
    listen = "tcp:0:interface=127.0.0.1"
    page, metrics, lines = (str(home / name) for name in ("page", "metrics", "lines"))
    with starting(home) as start:
        server = start(
            *("--http", listen, "--http", f"unix:{page}"),
            *("--metrics", listen, "--metrics", f"unix:{metrics}"),
            listen=[f"http:{listen}", f"http:unix:{lines}"],
        )
        ports = server.ports()
        yield {"/": [ports[0], ports[1], page, lines], "/healthz": [ports[2], metrics]}


def test_a_token_is_asked_for_and_a_log_in_opens_the_page(logger, tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    server = logger(*HTTP, "--http-token-file", str(tmp_path / "token"))
    client = client_of(server)
    for path in ("/api/search", "/api/tail", "/metrics", "/openapi.json", "/nope", "/"):
        assert client.ask(path).status == 401
    assert client.ask("/readyz").status == client.ask("/static/style.css").status == 200
    assert client.ask("/api/stats", {"Authorization": f"Bearer {TOKEN}"}).status == 200
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    cookie = client.ask("/login", form, "POST", f"token={TOKEN}").headers["set-cookie"]
    known = {"Cookie": cookie.partition(";")[0]}
    assert b'role="log"' in client.ask("/", known).body
    gone = client.ask("/logout", known, "POST").headers["set-cookie"]
    assert gone.startswith(cookie.partition("=")[0] + "=;")


def test_search_and_live_view_work_over_a_unix_socket(logger, tmp_path):
    server = logger("--http", f"unix:{tmp_path}/web")
    send(server, "hello")
    client = Client(f"{tmp_path}/web")
    assert client.search() == ["hello"]
    with client.watch(after="1:0") as events:
        send(server, "more")
        assert events.lines(1) == ["more"]


@pytest.mark.slow
def test_tls(logger, tmp_path):
    """The cookie is sent over TLS only, and over TLS too a stream is as slow as its client."""
    files = certificate_file(tmp_path / "pem")
    endpoint = f"ssl:0:privateKey={files}:certKey={files}:interface=127.0.0.1"
    server = logger("--http", endpoint, "--http-token", TOKEN)
    client = Client(server.ports()[-1], tls=True)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    cookie = client.ask("/login", form, "POST", f"token={TOKEN}").headers["set-cookie"]
    assert cookie.endswith("; Secure")
    known = {"Cookie": cookie.partition(";")[0]}
    sent = [f"{number} {'x' * 1000}" for number in range(500)]
    send(server, *sent)
    assert [line["message"] for line in client.ask("/api/search", known).lines] == sent
    with client.watch(after="1:0", headers=known) as events:
        assert events.lines(499) == sent[1:]
        send(server, "live")
        assert events.lines(1) == ["live"]


def test_reload(logger, tmp_path):
    """Reloads add, change and remove --http; live views of other ports stay; a wrong change has
    no effect.
    """
    config = tmp_path / "c.toml"
    first, second = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)

    def write(*ports: int, more: str = "") -> None:
        places = ", ".join(f'"tcp:{port}:interface=127.0.0.1"' for port in ports)
        config.write_text(f"http = [{places}]\n{more}\n")

    write()
    server = logger("--config", str(config))
    write(first)
    reload(server)
    client = Client(first)
    with client.watch() as events:
        send(server, "one")
        assert events.lines(1) == ["one"]
        write(first, second)
        reload(server)
        send(server, "two")
        assert events.lines(1) == ["two"]
        assert Client(second).search() == ["one", "two"]
        config.write_text('http = ["tcp:0"]\n')
        reload(server, "can be reached by others")
        write(first, more=f'http-token = "{TOKEN}"')
        reload(server)
        assert client.ask("/api/stats").status == 401
        # A client with the new token reconnects by itself.
        assert events.next() == ("problem", {"error": "the token has changed"})
        write()
        reload(server)
        with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
            while events.next() is not None:
                pass
    with pytest.raises(OSError):
        client.ask("/api/stats")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET {path} HTTP/1.1", b"400"),
        ("GET {path} HTTP/1.1\r\nHost: localhost\r\nHost: localhost", b"400"),
        ("GET {path} HTTP/1.0\r\nHost: localhost\r\nHost: localhost", b"400"),
        ("CONNECT localhost:80 HTTP/1.1", b"400"),
        ("CONNECT localhost:80 HTTP/1.1\r\nHost: localhost:80", b"405"),
        ("CONNECT localhost:80 HTTP/1.0", b"405"),
        ("GET {path} HTTP/1.1\r\nHost: localhost", b"200"),
        ("GET http://localhost{path} HTTP/1.1", b"200"),
        ("GET {path} HTTP/1.0", b"200"),
        ("GET {path} HTTP/1.0\r\nHost: localhost", b"200"),
    ],
)
def test_every_server_refuses_what_breaks_http(servers_by_path, head, status):
    for path, places in servers_by_path.items():
        for place in places:
            family = socket.AF_UNIX if isinstance(place, str) else socket.AF_INET
            with socket.socket(family) as connection:
                connection.settimeout(PATIENCE)
                connection.connect(place if isinstance(place, str) else ("127.0.0.1", place))
                connection.sendall(head.format(path=path).encode() + b"\r\n\r\n")
                answer = connection.recv(1 << 16)
            assert answer.split(b" ")[1] == status, (path, place, answer)
            assert status != b"405" or b"\r\nAllow: GET, HEAD" in answer
