"""Messages to a service manager, and a way to it that may lead nowhere."""

import os
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.observe._notify import Notifier, notify_message, report_refusal, socket_address
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.managers import FakeManager


@given(st.text())
def test_whatever_is_told_stays_one_field(text):
    """A sentence with a line end in it must not make a field of its own, such as MAINPID=."""
    data = notify_message(STATUS=text, READY=1).decode()
    assert data.startswith("STATUS=")
    assert data.endswith("\nREADY=1\n")
    assert data.count("\n") == 2
    assert data.isascii() or data.encode()


def test_a_path_and_an_abstract_name_are_addresses():
    assert socket_address("/run/notify") == "/run/notify"
    assert socket_address("@name") == "\0name"


@pytest.mark.parametrize("text", ["@", "notify", "vsock:2:1234"])
def test_any_other_address_is_refused(text):
    with pytest.raises(ValueError, match="neither a path"):
        socket_address(text)
    environment = {"NOTIFY_SOCKET": text}
    Notifier.take_from(environment).send(b"READY=1\n")
    assert not environment


def test_children_do_not_get_the_variable(tmp_path):
    """A command of an alert that spoke for the service could say that it is well, or has stopped."""
    environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "PATH": "/bin"}
    Notifier.take_from(environment)
    assert environment == {"PATH": "/bin"}


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="abstract names are Linux's")
def test_an_abstract_name_is_reached():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("")
        manager.settimeout(PATIENCE)
        name = manager.getsockname().decode()
        Notifier.take_from({"NOTIFY_SOCKET": f"@{name[1:]}"}).send(b"READY=1\n")
        assert manager.recv(100) == b"READY=1\n"


def test_a_manager_that_reads_nothing_is_waited_for_once(tmp_path, monkeypatch):
    """Peers wait as long as the reactor does: with a hung manager that was 2 s for each message."""
    waited: list[float | None] = []

    class Watched(socket.socket):
        def settimeout(self, value: float | None) -> None:
            waited.append(value)
            super().settimeout(0)

    with FakeManager(tmp_path) as manager:
        notifier = Notifier.take_from(dict(manager.environment))
        monkeypatch.setattr("logsrv.kit.observe._notify.socket.socket", Watched)
        for _ in range(1000):
            notifier.send(b"WATCHDOG=1\n")
        assert waited[0] == 2.0, "one that reads is told for certain"
        assert waited[-1] == 0
        assert set(waited) == {0, 2.0}
        monkeypatch.undo()
        manager.read()
        notifier.send(b"WATCHDOG=1\n")
        manager.wait_for(lambda one: "WATCHDOG" in one, "a message once it reads again")


def test_a_wrong_configuration_exits_with_78_under_a_manager(tmp_path):
    with FakeManager(tmp_path) as manager:
        assert report_refusal("--listen: no port", dict(manager.environment)) == 78
        manager.wait_for(lambda told: told["STATUS"] == "--listen: no port", "the sentence")
    assert report_refusal("--listen: no port", {}) == 1
