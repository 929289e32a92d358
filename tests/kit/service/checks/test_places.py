"""Places that are free, taken by others, or held by the service itself."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from logsrv.kit.net.bind import ListenError
from logsrv.kit.net.endpoints.endpoint import NOT_AT_ONCE
from logsrv.kit.net.endpoints.parse import parse_endpoint
from logsrv.kit.service.checks import places
from logsrv.kit.service.checks.findings import Finding, Level
from logsrv.kit.service.checks.held import HeldSockets
from logsrv.kit.service.checks.limits import Surroundings
from logsrv.kit.service.checks.places import check_backlog, check_places
from logsrv.kit.service.checks.user import User, myself
from tests.kit.service.checks.others import as_root, follow, nobody, open_directory
from tests.ports import free_port

ALONE = Surroundings(told_by="of this shell", files=1024)
OURS = Surroundings(told_by="of this process", files=1024, pid=os.getpid(), uid=os.geteuid())


def checked(
    text: str,
    around: Surroundings = ALONE,
    user: User | None = None,
    is_own: Callable[[int], bool] = lambda pid: False,
) -> list[Finding]:
    return list(check_places([parse_endpoint(text)], is_own, user or myself(), around))


@pytest.fixture
def port() -> int:
    return free_port()


def test_a_free_port_is_free_afterwards(port: int) -> None:
    [found] = checked(f"tcp:{port}:interface=127.0.0.1")
    assert (found.level, found.sentence) == (Level.OK, "is free")
    socket.create_server(("127.0.0.1", port)).close()


def test_a_port_that_another_program_has() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        [found] = checked(f"tcp:{other.getsockname()[1]}:interface=127.0.0.1")
    assert found.level is Level.ERROR
    assert found.sentence.startswith(f"is in use by process {os.getpid()} (")
    assert found.advice == "stop that one, or take another place"


def test_a_port_that_the_running_service_has() -> None:
    with socket.create_server(("127.0.0.1", 0)) as ours:
        port = ours.getsockname()[1]
        [found] = checked(f"tcp:{port}:interface=127.0.0.1", OURS)
        assert found.level is Level.OK
        assert found.sentence == f"is held by the running service (process {os.getpid()})"
        [found] = checked(f"tcp:{port}:interface=127.0.0.1", is_own=lambda pid: pid == os.getpid())
        assert found.level is Level.OK
        [found] = checked(f"tcp:{port}", OURS)
    assert found.level is Level.WARNING and found.advice == NOT_AT_ONCE
    assert f"is there at 127.0.0.1:{port}" in found.sentence


def test_a_port_of_the_running_service_that_we_may_not_take_ourselves(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who reads the lines may look, and may not take a port below 1024."""

    def refuse(endpoint: object) -> None:
        raise ListenError("tcp: no permission for this port; take one above") from PermissionError(
            errno.EACCES, "Permission denied"
        )

    monkeypatch.setattr(places, "check_place", refuse)
    place = f"tcp:{port}:interface=127.0.0.1"
    [found] = checked(place, OURS)
    assert found.level is Level.ERROR and "no permission for this port" in found.sentence
    with socket.create_server(("127.0.0.1", port)):
        [found] = checked(place, OURS)
    assert found.level is Level.OK and "held by the running service" in found.sentence


def test_an_ipv6_port_of_the_running_service() -> None:
    try:
        ours = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with ours:
        [found] = checked(f"tcp6:{ours.getsockname()[1]}:interface=\\:\\:1", OURS)
    assert found.level is Level.OK and "held by the running service" in found.sentence


def test_a_name_and_an_address_that_are_not_there() -> None:
    [found] = checked("tcp:1234:interface=203.0.113.9")
    assert found.level is Level.ERROR and found.sentence == "this machine has no such address"
    [found] = checked("tcp:1234:interface=no-such-host.invalid")
    assert found.level is Level.ERROR and "no-such-host" in found.subject


def test_what_has_no_place() -> None:
    for text in ("stdin:", "tcp:0", "systemd:domain=INET:index=0"):
        [found] = checked(text)
        assert found.level is Level.OK


def test_sockets_of_the_manager_by_number_and_by_name_may_be_one() -> None:
    by_number, by_name = "systemd:domain=INET:index=0", "systemd:domain=INET:name=lines"
    for other, warned in ((by_number, True), (f"{by_name}2", False)):
        endpoints = [parse_endpoint(by_name), parse_endpoint(other)]
        found = list(check_places(endpoints, lambda pid: False, myself(), ALONE))
        assert ["may mean one socket" in one.sentence for one in found] == [False] * 2 + [
            True
        ] * warned


def test_unix_sockets(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    [found] = checked(f"unix:{path}")
    assert (found.level, found.sentence) == (Level.OK, "is free")
    with socket.socket(socket.AF_UNIX) as ours:
        ours.bind(str(path))
        ours.listen()
        ours.settimeout(0)
        [found] = checked(f"unix:{path}")
        assert found.level is Level.ERROR and "is in use by process" in found.sentence
        [found] = checked(f"unix:{path}", OURS)
        assert found.level is Level.OK
        # Nobody was bothered with a connection.
        with pytest.raises(BlockingIOError):
            ours.accept()
    path.unlink()
    path.touch()
    [found] = checked(f"unix:{path}")
    assert found.level is Level.ERROR and "is no socket" in found.sentence


def test_a_directory_that_is_made_at_the_start() -> None:
    [found] = checked("unix:/run/logsrv-test/x.sock")
    assert found.level is Level.ERROR and "there is no directory" in found.sentence
    assert found.advice.startswith("install -d -m 750 -o ")
    unit = Surroundings(told_by="", files=1024, runtime=("logsrv-test",))
    [found] = checked("unix:/run/logsrv-test/x.sock", unit)
    assert found.level is Level.OK and "is made at the start" in found.sentence


@as_root
def test_a_directory_in_which_the_user_may_make_nothing() -> None:
    with open_directory() as directory:
        [found] = checked(f"unix:{directory}/x.sock", user=nobody())
        assert found.level is Level.ERROR and "its directory must be writable" in found.sentence
        follow(found.advice)
        [found] = checked(f"unix:{directory}/x.sock", user=nobody())
        assert found.level is Level.OK


@as_root
@pytest.mark.parametrize(
    ("binds_low", "level"), [(None, Level.WARNING), (False, Level.ERROR), (True, Level.OK)]
)
def test_a_low_port(binds_low: bool | None, level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "PORTS_OF_ALL", "/dev/null")
    around = Surroundings(told_by="", files=1024, binds_low=binds_low)
    [found] = checked("tcp:7", around, nobody())
    assert found.level is level
    if level is not Level.OK:
        assert found.sentence.startswith("is below 1024, where user nobody may not listen")
        assert "CAP_NET_BIND_SERVICE" in found.advice


@as_root
def test_a_receive_buffer_that_the_user_does_not_get() -> None:
    """Root gets whatever it asks for."""
    most = int(Path("/proc/sys/net/core/rmem_max").read_text())
    text = f"udp:0:rcvbuf={4 * most}"
    assert [one.level for one in checked(text)] == [Level.OK]
    _, small = checked(text, user=nobody())
    assert small.level is Level.WARNING and "bursts may be lost" in small.sentence
    assert small.advice == f"sysctl -w net.core.rmem_max={4 * most} allows it"


def test_how_many_may_wait() -> None:
    assert not list(check_backlog(4096))
    [found] = check_backlog(128)
    assert found.level is Level.WARNING and found.advice == "sysctl -w net.core.somaxconn=1024"


def test_a_place_of_a_socket_unit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HeldSockets, "holders", lambda *_: [1])
    with socket.create_server(("127.0.0.1", 0)) as other:
        [found] = checked(f"tcp:{other.getsockname()[1]}:interface=127.0.0.1")
        assert found.level is Level.ERROR and "held by the service manager" in found.sentence
        between = attrs.evolve(ALONE, kept=1)
        [found] = checked(f"tcp:{other.getsockname()[1]}", between)
    assert found.level is Level.OK and "kept by the service manager" in found.sentence
    monkeypatch.setattr(HeldSockets, "holders", lambda *_: [])
    with socket.create_server(("127.0.0.1", 0)) as other:
        text = f"tcp:{other.getsockname()[1]}:interface=127.0.0.1"
        [found] = checked(text)
        assert found.sentence == "is in use by another program, which only root may see"
        [found] = checked(text, OURS)
        assert found.level is Level.OK and "held by the running service" in found.sentence
