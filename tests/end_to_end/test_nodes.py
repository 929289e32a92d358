"""Queries of several real daemons with `logsrv search --nodes` and `tail --nodes`."""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.end_to_end.conftest import Logger, Start, starting
from tests.end_to_end.web_daemon import HTTP, TOKEN
from tests.parts.certificates import Authority
from tests.parts.commands import LOGSRV, logsrv
from tests.parts.daemon_logs import check_log
from tests.parts.ports import free_port
from tests.parts.stores import line, make_store
from tests.warm.process import popen

BOTH = [line(f"both {number} user=ann level=error", number) for number in range(0, 60, 2)]
OF_A = [line(f"of a {number} user=bob level=info", number) for number in range(1, 60, 4)]
OF_B = [line(f"of b {number} user=eve level=info", number) for number in range(3, 60, 4)]
THRICE = [line("again", 70)] * 3


def running(start: Start, place: Path, segments: Sequence[Sequence[bytes]], *words: str) -> Logger:
    """Start a daemon on a store that already has these lines."""
    place.mkdir(exist_ok=True)
    make_store(place / "store", [list(segment) for segment in segments])
    return start(*(words or HTTP), directory=place)


def address(*servers: Logger) -> str:
    return ",".join(f"127.0.0.1:{server.ports()[-1]}" for server in servers)


@pytest.fixture(scope="module")
def centres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Logger, Logger]]:
    """Two centres with mostly the same lines, in another order."""
    home = tmp_path_factory.mktemp("centres")
    with starting(home) as start:
        first = running(start, home / "a", [OF_A, BOTH, THRICE])
        second = running(start, home / "b", [BOTH, THRICE[:2], OF_B])
        yield first, second
    for server in (first, second):
        check_log(server.log_path)


def found(*words: str, status: int = 0) -> list[str]:
    done = logsrv("search", *words)
    assert (done.returncode, done.stderr) == (status, b""), done.stderr
    return done.stdout.decode().splitlines()


@pytest.mark.slow
def test_lines_come_by_time_each_once(centres):
    nodes = ("--nodes", address(*centres))
    every = [one.decode().rstrip("\n") for one in sorted([*BOTH, *OF_A, *OF_B, *THRICE])]
    assert found(*nodes) == every
    assert found(*nodes, "--reverse") == every[::-1]
    assert found(*nodes, "-n", "3") == every[:3]
    assert found(*nodes, "-n", "5", "--reverse") == every[::-1][:5]
    assert found(*nodes, "again", "--output", "raw") == ["again"] * 3
    assert found(*nodes, "nowhere", status=1) == []


@pytest.mark.slow
def test_numbers_count_each_line_once(centres):
    nodes = ("--nodes", address(*centres))
    assert found(*nodes, "-c") == ["63"]
    assert found(*nodes, "-c", "-n", "7") == ["7"]
    assert found(*nodes, "--top", "user") == [
        "        30  ann",
        "        15  bob",
        "        15  eve",
    ]
    bars = found(*nodes, "--histogram", "--every", "1m")
    assert [bar.split()[1] for bar in bars] == ["60", "3"]
    # Without an option the step follows from the times of the nodes.
    steps = [json.loads(bar) for bar in found(*nodes, "--histogram", "--output", "json")]
    assert sum(step["count"] for step in steps) == 63
    assert sum(step["levels"].get("error", 0) for step in steps) == 30


@pytest.mark.slow
def test_time_source_and_query_narrow_down(centres):
    nodes = ("--nodes", address(*centres), "--output", "raw")
    since = ("--since", "2026-11-20T06:00:10Z", "--until", "2026-11-20T06:00:13Z")
    assert [one.split(" user")[0] for one in found(*nodes, *since)] == [
        "both 10",
        "of b 11",
        "both 12",
    ]
    assert len(found(*nodes, "level=error", "user=ann")) == 30
    assert found(*nodes, "--source", "udp:*", status=1) == []


@pytest.mark.slow
def test_json_says_where_a_line_is(centres):
    nodes = address(*centres)
    for one in map(json.loads, found("--nodes", nodes, "--output", "json", "again")):
        assert set(one) == {"position", "time", "source", "message", "level", "fields", "nodes"}
        for node, position in one["nodes"].items():
            port = int(node.partition(":")[2])
            (server,) = [each for each in centres if each.ports()[-1] == port]
            shown = logsrv(
                "show", "--directory", str(server.store), position, "-C0", "--output", "raw"
            )
            assert shown.stdout.decode() == one["message"] + "\n"
        assert one["position"] == one["nodes"][next(iter(one["nodes"]))]


def test_tail_shows_the_last_of_all(centres):
    done = logsrv("tail", "--nodes", address(*centres), "-n", "4", "--output", "raw")
    assert done.stdout.decode().splitlines() == ["of b 59 user=eve level=info", *["again"] * 3]
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.slow
def test_a_line_and_its_neighbours_in_one_node(centres):
    first, second = centres
    (line_,) = found("--nodes", address(first), "--output", "json", "again", "-n", "1")
    position = json.loads(line_)["position"]
    done = logsrv("show", position, "--nodes", address(first), "-C", "2", "--output", "raw")
    here = logsrv("show", position, "--directory", str(first.store), "-C", "2", "--output", "raw")
    assert (done.returncode, done.stdout) == (0, here.stdout) and done.stdout
    none = logsrv("show", "77:0", "--nodes", address(first))
    assert none.returncode == 1 and b"no line begins at 77:0 of 127.0.0.1:" in none.stderr
    several = logsrv("show", position, "--nodes", address(first, second))
    assert several.returncode == 2 and b"a place in one store" in several.stderr


def test_a_node_that_is_down_costs_its_lines_and_no_others(centres):
    gone = f"127.0.0.1:{free_port()}"
    done = logsrv("search", "--nodes", f"{gone},{address(centres[0])}", "again", "--output", "raw")
    assert done.stdout == b"again\n" * 3 and done.returncode == 2
    assert done.stderr.decode() == (
        f"logsrv search: {gone}: it cannot be reached: connection refused; its lines are missing\n"
    )


def test_a_node_needs_the_right_token(logger, tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "wrong").write_text("wrong\n")
    options = (*HTTP, "--http-token-file", str(tmp_path / "token"))
    server = running(logger, tmp_path / "a", [THRICE], *options)
    nodes = ("search", "--nodes", address(server), "-c")
    right = logsrv(*nodes, "--nodes-token-file", str(tmp_path / "token"))
    assert (right.stdout, right.stderr) == (b"3\n", b"")
    without = logsrv(*nodes)
    assert (
        without.returncode == 2
        and b"it asks for a token; --nodes-token-file FILE" in without.stderr
    )
    wrong = logsrv(*nodes, "--nodes-token-file", str(tmp_path / "wrong"))
    assert wrong.returncode == 2 and b"it refuses the token; its lines are missing" in wrong.stderr
    missing = logsrv(*nodes, "--nodes-token-file", str(tmp_path / "nowhere"))
    assert missing.returncode == 2 and b"no such file" in missing.stderr
    readable = logsrv(
        "search", "--nodes", "http://192.0.2.1:80", "--nodes-token-file", str(tmp_path / "token")
    )
    assert readable.returncode == 2 and b"others would see the token" in readable.stderr


@pytest.mark.slow
def test_tls_and_names_of_the_configuration(logger, tmp_path):
    """One configured name stands for both nodes, with their token and certificate."""
    authority = Authority(tmp_path)
    pair = authority.certify("localhost")
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    where = f"ssl:0:interface=127.0.0.1:privateKey={pair}"
    options = ("--http", where, "--http-token-file", str(tmp_path / "token"))
    servers = [running(logger, tmp_path / name, [THRICE], *options) for name in "ab"]
    nodes = ",".join(f"https://localhost:{server.ports()[-1]}" for server in servers)
    config = tmp_path / "logsrv.toml"
    config.write_text(
        f'[[nodes]]\nnodes = "centres={nodes}"\nnodes-ca = "ca.pem"\nnodes-token-file = "token"\n'
    )
    done = logsrv("search", "--nodes", "centres", "--config", str(config), "-c")
    assert (done.stdout, done.stderr) == (b"3\n", b"")
    variables = {
        "LOGSRV_NODES": f"centres={nodes}",
        "LOGSRV_NODES_TOKEN_FILE": str(tmp_path / "token"),
    }
    strange = logsrv("search", "--nodes", "centres", "-c", environment=variables)
    assert strange.returncode == 2 and strange.stdout == b"0\n"
    assert strange.stderr.count(b"its certificate is refused: ") == 2
    unknown = logsrv("search", "--nodes", "centre", "--config", str(config))
    assert unknown.returncode == 2 and b"did you mean centres?" in unknown.stderr


@pytest.mark.long
def test_a_frozen_daemon_is_left_out_after_ten_seconds(logger, tmp_path):
    """Its system still accepts connections (a search once took 77 s); when it continues, its lines are
    back.
    """
    frozen, other = (running(logger, tmp_path / name, [THRICE]) for name in "ab")
    words = ("search", "--nodes", address(frozen, other), "-c")
    frozen.process.send_signal(signal.SIGSTOP)
    try:
        done = logsrv(*words)
    finally:
        frozen.process.send_signal(signal.SIGCONT)
    assert (done.returncode, done.stdout) == (2, b"3\n")
    assert b": it said nothing for 10 s; its lines are missing\n" in done.stderr
    assert logsrv(*words).stderr == b""


def test_ctrl_c_waits_for_no_node():
    """The connection to the node is closed, and nothing is printed."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE)
        nodes = f"127.0.0.1:{silent.getsockname()[1]}"
        process = popen(
            [*LOGSRV, "search", "--nodes", nodes], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        connection, _ = silent.accept()
        with connection:
            connection.settimeout(PATIENCE)
            assert b"GET /api/search?" in connection.recv(65536)
            process.send_signal(signal.SIGINT)
            assert connection.recv(1) == b""
        assert [*process.communicate(timeout=PATIENCE)] == [b"", b""]
        assert process.returncode == 130
