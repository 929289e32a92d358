"""The units that come with logsrv, checked by the programs of systemd, without a running systemd."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.programs import program

UNITS = Path(__file__).parents[2] / "packaging" / "systemd"


@pytest.fixture(scope="module")
def analyze() -> str:
    return program("systemd-analyze", "systemd")


def test_systemd_finds_no_error_in_the_units(analyze, tmp_path):
    """Program and man page are not installed here, so these lines are changed; the others are not."""
    for unit in UNITS.iterdir():
        text = re.sub("^ExecStart=.*", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(re.sub("(?m)^Documentation=.*\n", "", text))
    units = sorted(str(path) for path in tmp_path.iterdir())
    done = subprocess.run(
        [analyze, "verify", "--man=no", *units], capture_output=True, text=True, timeout=PATIENCE
    )
    about_ours = [line for line in done.stderr.splitlines() if "logsrv" in line]
    assert not about_ours


def test_the_service_is_exposed_to_little(analyze):
    done = subprocess.run(
        [analyze, "security", "--offline=yes", str(UNITS / "logsrv.service")],
        capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    found = re.search(r"Overall exposure level for logsrv\.service: ([0-9.]+)", done.stdout)
    assert found is not None
    assert float(found[1]) <= 2.0


def test_the_service_may_ask_the_kernel_whose_a_connection_is():
    """Otherwise every user of the machine is let in at --http without a token, and uses others' codes."""
    unit = (UNITS / "logsrv.service").read_text()
    [families] = re.findall(r"(?m)^RestrictAddressFamilies=(.*)$", unit)
    assert "AF_NETLINK" in families.split()


def test_the_socket_is_that_of_a_listener_of_the_packaged_configuration():
    """The server takes over a socket of its own endpoint only; another one would block its port."""
    [place] = re.findall(r"(?m)^ListenStream=(.*)$", (UNITS / "logsrv.socket").read_text())
    host, _, port = place.rpartition(":")
    packaged = tomllib.loads((UNITS.parent / "debian/logsrv.toml").read_text())
    listens = [listener["listen"] for listener in packaged["listener"]]
    assert f"tcp:{port}:interface={host}" in listens
