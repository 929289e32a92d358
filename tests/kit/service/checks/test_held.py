"""Who has a place, by what Linux tells."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.net.endpoints.parse import parse_endpoint
from logsrv.kit.service.checks import held
from logsrv.kit.service.checks.held import (
    HeldSockets,
    command_of,
    parse_inet,
    parse_unix,
    processes,
    runs_with,
    serves,
)
from tests.ports import free_port

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:04D2 00000000:0000 0A 00000000:00000000 00:00000000 00000000   108        0 8423 1 0
   1: 0100007F:04D2 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 9 1 0
"""
TCP6 = """\
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000001000000:0202 0:0000 0A 0:0 0:0 0 33 0 77 1
"""


def test_tables_are_read() -> None:
    [(port, found)] = parse_inet(TCP, "0A")
    assert (port, found.address, found.uid, found.inode) == (1234, "127.0.0.1:1234", 108, 8423)
    [(port, found)] = parse_inet(TCP6, "0A")
    assert (port, found.address, found.uid, found.inode) == (514, "[::1]:514", 33, 77)


@given(st.text(alphabet="0123456789ABCDEF: \n/", max_size=200))
def test_a_table_that_is_none(text: str) -> None:
    list(parse_inet(f"{TCP}{text}", "0A"))
    list(parse_unix(f"Num RefCount Protocol\n{text}"))


@pytest.mark.parametrize("scheme", ["tcp", "udp"])
def test_a_port_of_ours(scheme: str) -> None:
    kind = socket.SOCK_STREAM if scheme == "tcp" else socket.SOCK_DGRAM
    port = free_port(kind)
    with socket.socket(socket.AF_INET, kind) as ours:
        ours.bind(("127.0.0.1", port))
        if scheme == "tcp":
            ours.listen()
        taken = HeldSockets()
        found = taken.at(parse_endpoint(f"{scheme}:{port}"))
        assert [one.address for one in found] == [f"127.0.0.1:{port}"]
        assert found[0].uid == os.geteuid()
        assert taken.holders(found) == [os.getpid()]
    assert not HeldSockets().at(parse_endpoint(f"{scheme}:{port}"))


@pytest.mark.parametrize("scheme", ["unix", "unixgram"])
def test_a_path_of_ours(tmp_path: Path, scheme: str) -> None:
    path = tmp_path / "a socket"
    kind = socket.SOCK_STREAM if scheme == "unix" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_UNIX, kind) as ours:
        ours.bind(str(path))
        if scheme == "unix":
            ours.listen()
        taken = HeldSockets()
        found = taken.at(parse_endpoint(f"{scheme}:{path}"))
        assert taken.holders(found) == [os.getpid()]
    assert not HeldSockets().at(parse_endpoint(f"{scheme}:{path}"))


def test_what_linux_tells_is_read_once_for_all_places(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service with thousands of listeners was looked for in as many tables."""
    read, listed = Mock(side_effect=held.proc_text), Mock(side_effect=held.processes)
    monkeypatch.setattr(held, "proc_text", read)
    monkeypatch.setattr(held, "processes", listed)
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        taken = HeldSockets()
        for ours in (one, two):
            found = taken.at(parse_endpoint(f"tcp:{ours.getsockname()[1]}"))
            assert taken.holders(found) == [os.getpid()]
    assert (read.call_count, listed.call_count) == (4, 1)


def test_nothing_is_held_by_nobody() -> None:
    assert HeldSockets().holders([]) == []


def test_a_service_is_known_by_its_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "7").mkdir()
    words = ["python", "/opt/logsrv/bin/twistd", "-n", "logsrv", "--config", "/etc/logsrv.toml"]
    (tmp_path / "7" / "cmdline").write_text("\0".join(words) + "\0")
    monkeypatch.setattr(held, "PROC", tmp_path)
    assert processes() == [7] and command_of(7) == words
    assert serves(7, "logsrv") and not serves(7, "greet") and not serves(8, "logsrv")
    assert runs_with(7, "logsrv", None, ["--config", "/etc/logsrv.toml"])
    assert not runs_with(7, "logsrv", None, []) and not runs_with(7, "greet", None, [])


def test_two_services_of_one_plugin_are_told_apart_by_their_configurations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "cwd").symlink_to(tmp_path)
    (tmp_path / "7" / "cmdline").write_text("twistd\0logsrv\0--config=a.toml\0")
    for name in ("a.toml", "b.toml"):
        (tmp_path / name).touch()
    monkeypatch.setattr(held, "PROC", tmp_path)
    assert runs_with(7, "logsrv", tmp_path / "a.toml", [])
    assert not runs_with(7, "logsrv", tmp_path / "b.toml", [])
    assert not runs_with(7, "logsrv", tmp_path / "c.toml", [])


def test_we_are_no_service() -> None:
    assert os.getpid() in processes()
    assert os.path.basename(command_of(os.getpid())[0]).startswith("py") or sys.argv
    assert not serves(os.getpid(), "logsrv")
