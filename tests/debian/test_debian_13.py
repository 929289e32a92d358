"""The package of Debian 13 on a bare one; and a Debian 12 with logsrv that becomes a 13 under load."""

import re
import shutil

import pytest

from logsrv.kit.testing import wait_until
from tests.debian import roots
from tests.debian.machine import Machine, booted, install
from tests.debian.senders import CONNECTIONS
from tests.parts.programs import program

# The package is built in a Debian 13, and 150 packages are upgraded.
pytestmark = [pytest.mark.long, pytest.mark.nightly, pytest.mark.minutes(30)]

SEARCH = ("logsrv", "search", "--directory", "/var/lib/logsrv/lines")


@pytest.fixture(autouse=True)
def boots() -> None:
    program("systemd-nspawn", "systemd-container")


def is_active(machine: Machine) -> bool:
    return machine.start("systemctl", "is-active", "logsrv").communicate()[0].strip() == "active"


def test_install_send_search_remove_purge(made_13, tmp_path):
    with roots.above(tmp_path / "overlay", made_13.deb.parent, made_13.bare) as root:
        root.run("apt-get", "install", "--yes", "--quiet", f"/srv/{made_13.deb.name}")
        root.run("/opt/logsrv/bin/pip", "check")
        verify = ("systemd-analyze", "verify", "--man=no", "logsrv.service", "logsrv.socket")
        assert root.run(*verify) == ""
        with booted(root, tmp_path / "console") as machine:
            assert is_active(machine)
            for port, how in (("514", "--udp"), ("1234", "--tcp")):
                machine.run("logger", "--server", "127.0.0.1", "--port", port, how, f"by {port}.")
            wait_until(lambda: machine.run(*SEARCH, "by").count("\n") == 2, "both lines")
            machine.run("apt-get", "remove", "--yes", "logsrv")
            assert not is_active(machine)
            assert "the lines are kept" in machine.run("apt-get", "purge", "--yes", "logsrv")
            log = machine.run("journalctl", "--unit=logsrv", "--no-pager")
            assert "Traceback" not in log
        assert not (root.path / "opt/logsrv").exists()
        assert not (root.path / "etc/logsrv.toml").exists()


def test_an_upgrade_from_12_to_13_refuses_no_connection(made, made_13, tmp_path):
    """As docs/install.md says: apt takes the package of 13 with the upgrade, and keeps the service."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for each in (made, made_13):
        shutil.copy(each.deb, packages)
    (tmp_path / "overlay").mkdir()
    with roots.above(tmp_path / "overlay" / "12", packages, made.bare) as root:
        root.run("apt-get", "install", "--yes", "--quiet", f"/srv/{made.deb.name}")
        root.run("sed", "-i", "s/bookworm/trixie/", "/etc/apt/sources.list")
        root.run("apt-get", "update", "--quiet")
        # The machine has no network of its own.
        keep = ("-o", "DPkg::Options::=--force-confold")
        # Versions of uncommitted changes have the time of the build: that of 13 may be the older one.
        options = ("--yes", "--quiet", "--allow-downgrades", *keep)
        upgrade = ("apt-get", "full-upgrade", *options, f"/srv/{made_13.deb.name}")
        root.run(*upgrade, "--download-only")
        with booted(root, tmp_path / "console") as machine:
            assert is_active(machine)
            with machine.start("python3", "-c", CONNECTIONS) as connections:
                assert connections.stdout is not None
                assert connections.stdout.readline() == "begun\n"
                machine.run(*upgrade)
                machine.run("touch", "/tmp/enough")
                told = connections.stdout.read()
            sent = re.search(r"^sent ([0-9]+)$", told, re.MULTILINE)
            assert sent is not None and "refused" not in told, told
            # A connection that is open at the restart is closed: plain lines have no acknowledgement.
            cut_off = {int(number) for number in re.findall(r"^([0-9]+) ", told, re.MULTILINE)}
            assert len(cut_off) <= 2, told
            assert machine.run("cat", "/etc/debian_version").startswith("13.")
            assert "python3.13" in machine.run("sh", "-c", "echo /opt/logsrv/lib/*")
            assert is_active(machine)
            found = machine.run(*SEARCH, "connection")
            stored = [int(number) for number in re.findall(r"connection ([0-9]+)\.", found)]
            assert stored == sorted(set(stored))
            assert set(range(int(sent[1]))) - set(stored) <= cut_off
            install(machine, made_13.deb)
            log = machine.run("journalctl", "--unit=logsrv", "--no-pager")
            assert "Traceback" not in log
