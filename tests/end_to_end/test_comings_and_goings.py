"""Visitors of each kind come and go: no process of a real daemon keeps anything of them.

Each kind leaves the daemon and its children with the descriptors, threads and processes that they had.
"""

import contextlib
import os
import re
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import attrs
import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.http.views.viewer import NEAR
from tests.end_to_end.web_daemon import TOKEN
from tests.parts.certificates import certificate_file
from tests.parts.daemon_logs import check_log
from tests.parts.daemons import LOOPBACK, Logger
from tests.parts.http_servers import hook, receiving

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only /proc lists descriptors"),
]

# A third of them has to be more than SPARE_THREADS. Each night a hundred come: one may leave something now
# and then.
VISITS = int(os.environ.get("LOGSRV_VISITS", "45"))
# What is made once is made by these.
FIRST = 10
AT_ONCE = 3
# The reactor's pool starts one more by chance.
SPARE_THREADS = 10
# The bytes that a search of all lines answers are more than sockets hold.
LINES = 30_000
CONFIG = """
listen = [{listens}]
directory = "store"
http = ["{loopback}"]
http-token-file = "token"
input-token-file = "token"
inspect = ["unix:inspect"]
ship = ["{ship}"]
alert = ["level=error"]
alert-every = "1s"
alert-webhook = "{hook}"
"""
RELP_OPEN = b"1 open 30 relp_version=0\ncommands=syslog\n"
CREDENTIALS = {"Authorization": f"Bearer {TOKEN}"}


class Figures(NamedTuple):
    """What a process has."""

    descriptors: int
    threads: int
    children: int


@attrs.frozen
class Place:
    """A daemon with listeners of several kinds, its page, an alert and a target."""

    server: Logger
    directory: Path

    @property
    def temporary(self) -> Path:
        return self.directory / "temporary"

    @property
    def lines(self) -> int:
        return self.server.ports()[0]

    @property
    def tls(self) -> int:
        return self.server.ports()[1]

    @property
    def relp(self) -> int:
        return self.server.ports()[2]

    @property
    def push(self) -> int:
        return self.server.ports()[3]

    @property
    def page(self) -> int:
        return self.server.ports()[-1]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home = tmp_path_factory.mktemp("visited")
    (home / "token").write_text(TOKEN)
    certificate = certificate_file(home / "localhost.pem", "localhost")
    listens = [
        LOOPBACK,
        f"ssl:0:interface=127.0.0.1:privateKey={certificate}:certKey={certificate}",
        f"relp:{LOOPBACK}",
        f"http:{LOOPBACK}",
    ]
    with hook() as hooked, receiving() as target:
        (home / "logsrv.toml").write_text(
            CONFIG.format(
                listens=", ".join(f'"{one}"' for one in listens),
                loopback=LOOPBACK,
                ship=target.url,
                hook=hooked.url,
            )
        )
        (home / "temporary").mkdir()
        with Logger(
            "logsrv",
            *("--config", str(home / "logsrv.toml")),
            directory=home,
            environment={"TMPDIR": str(home / "temporary")},
        ) as server:
            server.ready()
            assert isinstance(server, Logger)
            with server.connect() as connection:
                for number in range(LINES):
                    connection.sendall(b"line %d level=error %s\n" % (number, b"x" * 200))
            server.wait_until(lambda: len(target.messages) >= LINES, "all lines at the target")
            found = Place(server, home)
            # The process of live views ends with its last viewer: this one stays.
            with asked(found.page, "/api/tail", q="nothing") as viewer:
                read_until(viewer, b"\r\n\r\n")
                yield found
            server.stop()
        for log in home.glob("*twistd.log"):
            check_log(log, [])


def go(connection: socket.socket) -> None:
    """Leave with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


def read_until(connection: socket.socket, end: bytes) -> bytes:
    data = b""
    while end not in data:
        data += (got := connection.recv(1 << 16))
        assert got, data
    return data


def asked(
    port: int,
    path: str = "/",
    *,
    method: str = "GET",
    token: str = TOKEN,
    body: bytes = b"",
    **query: object,
) -> socket.socket:
    """Return a connection with a request, with little room for its answer."""
    connection = socket.socket()
    connection.settimeout(PATIENCE)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(("127.0.0.1", port))
    lines = (
        f"{method} {path}?{urlencode(query)} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    return connection


def answered(connection: socket.socket) -> bytes:
    """Return the status line, and close once the answer is there."""
    with connection, connection.makefile("rb") as answer:
        return answer.read().partition(b"\r\n")[0]


# Visits


def a_viewer_that_leaves_while_the_process_of_views_serves_it(place: Place) -> None:
    """It begins so near to the end that no search is needed."""
    near = place.server.current.stat().st_size - NEAR // 2
    with asked(place.page, "/api/tail", q="line", after=f"1:{near}") as viewer:
        read_until(viewer, b"data: ")


def a_viewer_that_leaves_while_a_search_serves_it(place: Place) -> None:
    with asked(place.page, "/api/tail", q="line", after="1:0") as viewer:
        read_until(viewer, b"data: ")


def a_viewer_that_leaves_live(place: Place) -> None:
    with asked(place.page, "/api/tail", q="fresh") as viewer:
        read_until(viewer, b"\r\n\r\n")
        place.server.send(b"a fresh line\n")
        read_until(viewer, b"a fresh line")


def a_viewer_that_leaves_with_a_reset(place: Place) -> None:
    viewer = asked(place.page, "/api/tail", q="line", after="1:0", join=1)
    read_until(viewer, b"data: ")
    go(viewer)


def a_search(place: Place) -> None:
    assert answered(asked(place.page, "/api/search", q="line", limit=5)).endswith(b"200 OK")


def a_search_that_is_cut(place: Place) -> None:
    with asked(place.page, "/api/search", q="line", limit=LINES) as search:
        read_until(search, b"position")


def a_figure(place: Place) -> None:
    assert answered(asked(place.page, "/api/table", q="29 | count by level")).endswith(b"200 OK")


def a_figure_that_is_cut(place: Place) -> None:
    asked(place.page, "/api/histogram", q="line -nothing").close()


def a_sender_that_leaves_in_mid_line(place: Place) -> None:
    with connected(place.lines) as sender:
        sender.sendall(b"a whole line level=error\nhalf of")


def a_sender_that_leaves_with_a_reset(place: Place) -> None:
    sender = connected(place.lines)
    sender.sendall(b"half of")
    go(sender)


def a_handshake_half_done(place: Place) -> None:
    # Without the authorities of the system: they take 0.02 s to read.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(coming, going)
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    with connected(place.tls) as sender:
        sender.sendall(going.read())
        assert sender.recv(1)


def a_client_that_speaks_no_tls(place: Place) -> None:
    with connected(place.tls) as sender:
        sender.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while sender.recv(1 << 16):
                pass


def a_session_of_relp(place: Place) -> None:
    with connected(place.relp) as sender:
        sender.sendall(RELP_OPEN)
        read_until(sender, b"commands=syslog")
        sender.sendall(b"2 syslog 7 message\n3 close 0\n")
        read_until(sender, b"serverclose")


def a_session_of_relp_that_is_cut(place: Place) -> None:
    with connected(place.relp) as sender:
        sender.sendall(RELP_OPEN + b"2 syslog 700 message")
        read_until(sender, b"commands=syslog")


def a_record_that_is_none(place: Place) -> None:
    with connected(place.relp) as sender:
        sender.sendall(b"this is no frame of RELP\n")
        with contextlib.suppress(ConnectionError):
            while sender.recv(1 << 16):
                pass


def a_push(place: Place) -> None:
    status = answered(asked(place.push, method="POST", body=b"one\ntwo\n"))
    assert b" 20" in status


def a_push_with_a_wrong_token(place: Place) -> None:
    assert b" 401" in answered(asked(place.push, method="POST", body=b"one\n", token="wrong"))


def a_push_that_is_cut(place: Place) -> None:
    with connected(place.push) as sender:
        head = f"POST / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 99\r\n\r\n"
        sender.sendall(head.encode() + b"a line\nhalf")


def the_metrics(place: Place) -> None:
    assert answered(asked(place.page, "/metrics")).endswith(b"200 OK")


def an_inspection(place: Place) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as operator:
        operator.settimeout(PATIENCE)
        operator.connect(str(place.directory / "inspect"))
        operator.sendall(b"connections\nquit\n")
        read_until(operator, b"Goodbye")


def an_inspection_that_is_cut(place: Place) -> None:
    with closing(socket.socket(socket.AF_UNIX)) as operator:
        operator.settimeout(PATIENCE)
        operator.connect(str(place.directory / "inspect"))
        operator.sendall(b"status\nconnec")
        assert operator.recv(1)


def a_query_that_is_refused(place: Place) -> None:
    assert b" 400" in answered(asked(place.page, "/api/search", q='user="'))


def a_viewer_whose_query_is_refused(place: Place) -> None:
    assert b" 400" in answered(asked(place.page, "/api/tail", q='user="'))


def a_reader_with_a_wrong_token(place: Place) -> None:
    status = answered(asked(place.page, "/api/search", token="wrong"))
    assert re.search(rb" (401|429)", status), status


KINDS: tuple[Callable[[Place], None], ...] = (
    a_viewer_that_leaves_while_the_process_of_views_serves_it,
    a_viewer_that_leaves_while_a_search_serves_it,
    a_viewer_that_leaves_live,
    a_viewer_that_leaves_with_a_reset,
    a_search,
    a_search_that_is_cut,
    a_figure,
    a_figure_that_is_cut,
    a_sender_that_leaves_in_mid_line,
    a_sender_that_leaves_with_a_reset,
    a_handshake_half_done,
    a_client_that_speaks_no_tls,
    a_session_of_relp,
    a_session_of_relp_that_is_cut,
    a_record_that_is_none,
    a_push,
    a_push_that_is_cut,
    a_push_with_a_wrong_token,
    the_metrics,
    an_inspection,
    an_inspection_that_is_cut,
    a_query_that_is_refused,
    a_viewer_whose_query_is_refused,
    a_reader_with_a_wrong_token,
)
# Each of these ends a process, for which another one is started: together they are as many.
ENDING_A_PROCESS = (
    a_viewer_that_leaves_while_a_search_serves_it,
    a_viewer_that_leaves_with_a_reset,
    a_search_that_is_cut,
)


def children_of(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += map(int, (task / "children").read_text().split())
    return found


def figures(place: Place) -> dict[str, Figures]:
    """Return what the daemon and each process below it has; they are named by their modules."""
    found: dict[str, Figures] = {}
    processes = [place.server.pid]
    for pid in processes:
        # It may end meanwhile.
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            name = next((word for word in words if word.startswith("logsrv.")), "daemon")
            while name in found:
                name += " again"
            children = children_of(pid)
            processes += children
            of_process = Path(f"/proc/{pid}")
            found[name] = Figures(
                len(list((of_process / "fd").iterdir())),
                len(list((of_process / "task").iterdir())),
                len(children),
            )
    return found


def settled(place: Place) -> dict[str, Figures]:
    """Return the figures once they are the same a hundred times."""
    last, same = figures(place), 0

    def stays() -> bool:
        nonlocal last, same
        last, before = figures(place), last
        same = same + 1 if last == before else 0
        return same >= 100

    wait_until(stays, "figures that stay")
    return last


def more(before: dict[str, Figures], now: dict[str, Figures]) -> dict[str, Figures]:
    """Return the figures of the processes that have more of something than before, or are new."""
    none = Figures(0, -SPARE_THREADS, 0)
    found = {}
    for name, has in now.items():
        had = before.get(name, none)
        most = had._replace(threads=had.threads + SPARE_THREADS)
        if any(one > at_most for one, at_most in zip(has, most, strict=True)):
            found[name] = has
    return found


def let_come(visit: Callable[[Place], None], place: Place, visits: int) -> None:
    """Let so many come and go, a few at once."""
    with ThreadPoolExecutor(AT_ONCE) as visitors:
        for came in [visitors.submit(visit, place) for _ in range(visits)]:
            came.result()


@pytest.mark.parametrize("visit", KINDS, ids=lambda visit: visit.__name__)
def test_visits_leave_nothing(visit, place):
    let_come(visit, place, FIRST)
    before = settled(place)
    let_come(visit, place, VISITS // 3 if visit in ENDING_A_PROCESS else VISITS)
    try:
        wait_until(lambda: not more(before, figures(place)), "what was there before")
    except AssertionError:
        pytest.fail(f"before: {before}\nmore: {more(before, figures(place))}")


def test_visitors_leave_no_files(place):
    """Neither in the store nor where temporary files are."""

    def names() -> set[Path]:
        return {*place.server.store.rglob("*"), *place.temporary.rglob("*")}

    def left(found: set[Path]) -> list[Path]:
        return [one for one in found if one.suffix == ".tmp" or place.temporary in one.parents]

    for visit in KINDS:
        visit(place)
    settled(place)
    # A target may be saving its state at this moment, and at the next look again.
    wait_until(lambda: not left(names()), "the end of all saves")
    before = {one for one in names() if not left({one})}
    for visit in KINDS:
        visit(place)
    wait_until(lambda: names() <= before, "the files from before, and no others")
