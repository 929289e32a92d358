"""A machine that systemd boots: install, reboot under load, upgrade that refuses no connection, remove."""

import re

import pytest

from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.debian.conftest import NEWER
from tests.debian.machine import Machine, install
from tests.debian.senders import ACKNOWLEDGED, CONNECTIONS, TAKES_A_PORT

# Each boots a machine. CI has the installed package without one, in test_package and test_life.
pytestmark = [pytest.mark.long, pytest.mark.nightly]

ANOTHER_LISTENER = """
[[listener]]
name = "posts"
listen = "http:tcp:8088:interface=127.0.0.1"
"""


def numbers(machine: Machine, word: str) -> list[int]:
    """The numbers behind `word` in the stored lines, which a member of the group searches for."""
    found = machine.run("logsrv", "search", "--directory", "/var/lib/logsrv/lines", word)
    return [int(number) for number in re.findall(rf"{word} ([0-9]+)\.", found)]


def test_install_reboot_upgrade_remove(machine, made, newer):
    install(machine, made.deb)
    assert machine.run("systemctl", "is-active", "logsrv").strip() == "active"
    machine.run("logger", "--server", "127.0.0.1", "--port", "514", "--udp", "by syslog")
    machine.run("sh", "-c", f"echo '{ANOTHER_LISTENER}' >>/etc/logsrv.toml")
    machine.run("systemctl", "reload", "logsrv")

    acknowledged = _reboot_while_sending(machine)
    assert machine.run("systemctl", "is-active", "logsrv").strip() == "active"
    stored = numbers(machine, "acknowledged")
    assert set(acknowledged) <= set(stored)
    assert len(stored) == len(set(stored))
    search = ("logsrv", "search", "--directory", "/var/lib/logsrv/lines", "by syslog")
    assert machine.run(*search).count("\n") == 1

    began = machine.run("systemctl", "show", "-P", "MainPID", "logsrv")
    with machine.start("python3", "-c", CONNECTIONS) as connections:
        assert connections.stdout is not None
        assert connections.stdout.readline() == "begun\n"
        install(machine, newer)
        assert machine.run("dpkg-query", "-W", "-f", "${Version}", "logsrv") == NEWER
        machine.run("touch", "/tmp/enough")
        told = connections.stdout.read()
    sent = re.fullmatch(r"sent ([0-9]+)\n", told)
    assert sent is not None, f"{told}\n{machine.run('journalctl', '--unit=logsrv', '--no-pager')}"
    assert machine.run("systemctl", "is-active", "logsrv").strip() == "active"
    assert machine.run("systemctl", "show", "-P", "MainPID", "logsrv") != began
    everything = list(range(int(sent[1])))
    wait_until(lambda: numbers(machine, "connection") == everything, "all lines of the upgrade")
    assert numbers(machine, "acknowledged") == stored

    machine.run("apt-get", "remove", "--yes", "logsrv")
    assert machine.run("systemctl", "is-active", "logsrv", status=3).strip() == "inactive"
    assert "Traceback" not in machine.run("journalctl", "--unit=logsrv", "--no-pager")


def test_a_port_that_another_program_has_for_a_while(machine, made):
    """The service comes up by itself once the port is free; until then its tries get rarer, and say so."""

    def journal() -> str:
        return machine.run("journalctl", "--unit=logsrv", "--no-pager")

    def waits() -> list[str]:
        return re.findall("it is started again in ([0-9]+) s", journal())

    install(machine, made.deb)
    # Not twistd[; and nothing is said of a buffer that nobody asked for.
    assert " logsrv[" in journal() and "receive buffer" not in journal()
    assert machine.run("systemctl", "show", "-P", "StartLimitIntervalUSec", "logsrv") == "0\n"
    machine.run("systemctl", "stop", "logsrv")
    with machine.start("python3", "-c", TAKES_A_PORT) as taker:
        assert taker.stdout is not None and taker.stdout.readline() == "taken\n"
        machine.run("systemctl", "start", "--no-block", "logsrv")
        wait_until(lambda: "14" in waits(), "the third wait", 3 * PATIENCE)
        machine.run("touch", "/tmp/free")
    wait_until(
        lambda: journal().count("logsrv is ready") == 2, "the service to come up", 3 * PATIENCE
    )
    failures = journal().count("the port is in use by another program")
    told = waits()
    assert told == ["2", "6", "14", "30", "30"][:failures]
    machine.run("systemctl", "restart", "logsrv")
    assert waits() == told


def _reboot_while_sending(machine: Machine) -> list[int]:
    """Return the numbers that were acknowledged before the machine went down."""
    with machine.start("python3", "-c", ACKNOWLEDGED) as sending:
        assert sending.stdout is not None
        answered = [int(sending.stdout.readline()) for _ in range(100)]
        machine.run("systemctl", "reboot", "--no-block")
        answered += [int(line) for line in sending.stdout.read().splitlines() if line.isdigit()]
    machine.reboot()
    return answered
