"""Access to the web interface of the real daemon, and its endpoints: tokens, names, TLS, reloads."""

import contextlib
import http.client
import socket
from collections.abc import Iterator
from urllib.parse import quote

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


def test_token(logger, tmp_path):
    """Without the token every answer is refused; with it, or after a log-in, everything is shown."""
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    server = logger(*HTTP, "--http-token-file", str(tmp_path / "token"))
    client = client_of(server)
    for path in ("/api/search", "/api/tail", "/api/stats", "/metrics", "/openapi.json", "/nope"):
        answer = client.ask(path)
        assert answer.status == 401 and set(answer.json) == {"error"}
        assert answer.headers["www-authenticate"].startswith("Bearer")
    assert client.ask("/healthz").status == client.ask("/readyz").status == 200
    assert client.ask("/api/stats", {"Authorization": f"Bearer {TOKEN}"}).status == 200
    assert client.ask("/api/stats", {"Authorization": f"bearer {TOKEN}"}).status == 200
    assert client.ask("/api/stats", {"Authorization": f"Bearer {TOKEN}x"}).status == 401
    assert client.ask(f"/api/stats?token={TOKEN}", {}).status == 401
    door = client.ask("/")
    assert door.status == 401 and b'name="token"' in door.body
    assert client.ask("/static/style.css").status == 200
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    wrong = client.ask("/login", form, "POST", "token=nonsense")
    assert wrong.status == 401 and b'name="token"' in wrong.body
    right = client.ask("/login", form, "POST", f"token={TOKEN}")
    assert right.status == 303 and right.headers["location"] == "/"
    cookie = right.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and TOKEN not in cookie
    assert "Secure" not in cookie
    known = {"Cookie": cookie.partition(";")[0]}
    assert b'role="log"' in client.ask("/", known).body
    assert client.ask("/api/stats", known).status == 200
    scripted = client.ask("/login", form | {"Accept": "application/json"}, "POST", f"token={TOKEN}")
    assert scripted.status == 204 and scripted.headers["set-cookie"] == cookie
    assert (
        client.ask("/logout", known, "POST")
        .headers["set-cookie"]
        .startswith(cookie.partition("=")[0] + "=;")
    )
    evil = form | {"Origin": "http://evil.example"}
    assert client.ask("/login", evil, "POST", f"token={TOKEN}").status == 403


def test_a_link_still_shows_what_it_names_behind_the_log_in(logger):
    """The form passes the query on; any value there leads to this page only."""
    server = logger(*HTTP, "--http-token", TOKEN)
    client = client_of(server)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    view = "q=level%3E%3Derror&position=1:0"
    door = client.ask(f"/?{view}")
    assert b'name="view" type="hidden" value="q=level%3E%3Derror&amp;position=1:0"' in door.body
    carried = quote(view)
    wrong = client.ask("/login", form, "POST", f"token=nonsense&view={carried}")
    assert b'value="q=level%3E%3Derror&amp;position=1:0"' in wrong.body
    right = client.ask("/login", form, "POST", f"token={TOKEN}&view={carried}")
    assert right.headers["location"] == f"/?{view}"
    for evil in ("x%0d%0aSet-Cookie:y", "%20", "%C3%A9", "x" * 2000):
        answer = client.ask("/login", form, "POST", f"token={TOKEN}&view={evil}")
        assert answer.headers["location"] == "/"


def test_wrong_tokens_do_not_lock_out_the_right_one(logger):
    """Wrong tokens from any address do not lock out a client with the right one."""
    server = logger(*HTTP, "--http-token", TOKEN)
    client = client_of(server)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    cookie = client.ask("/login", form, "POST", f"token={TOKEN}").headers["set-cookie"]
    answers = [
        client.ask("/api/stats", {"Authorization": f"Bearer guess{number}"}) for number in range(12)
    ]
    assert [answer.status for answer in answers[:10]] == [401] * 10
    assert answers[-1].status == 429 and int(answers[-1].headers["retry-after"]) >= 1
    for path in ("/api/stats", "/metrics"):
        assert client.ask(path, {"Authorization": f"Bearer {TOKEN}"}).status == 200
    assert client.ask("/login", form, "POST", f"token={TOKEN}").status == 303
    assert client.ask("/login", form, "POST", "token=guess").status == 429
    assert client.ask("/api/stats", {"Cookie": cookie.partition(";")[0]}).status == 200


def test_public_with_a_token(logger):
    """A wildcard listener answers to addresses, which DNS cannot forge, and to its configured names."""
    server = logger("--http", "tcp:0", "--http-token", TOKEN)
    client = client_of(server)
    known = {"Authorization": f"Bearer {TOKEN}"}
    assert client.ask("/api/stats", known).status == 200
    assert client.ask("/api/stats", known | {"Host": "evil.example"}).status == 403


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
