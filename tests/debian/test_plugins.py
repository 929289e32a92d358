"""Plugins of an administrator beside the package, as docs/install.md says; they outlive an upgrade."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.kit.testing import wait_until
from tests.debian.conftest import Made
from tests.debian.debs import CHECKOUT
from tests.debian.machine import Machine, install
from tests.parts.commands import LOGSRV

# Each boots a machine. CI has the folders of plugins in tests/test_plugin_folders.py.
pytestmark = [pytest.mark.long, pytest.mark.nightly]

RECORDS = "/usr/local/lib/logsrv/records"
FIGURES = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9101/metrics').read())"
SSL = "ssl:7002:privateKey=/etc/shout/key.pem:certKey=/etc/shout/cert.pem"


def commands() -> list[str]:
    """Return the blocks of commands for the package, which end with the container."""
    section = (CHECKOUT / "docs/install.md").read_text().partition("## Plugins of your own\n")[2]
    blocks = re.findall(r"(?:^    .*\n)+", section.partition("In a container")[0], re.MULTILINE)
    return [re.sub("^    ", "", block, flags=re.MULTILINE) for block in blocks]


@pytest.fixture
def projects(made: Made, tmp_path: Path) -> None:
    """Wheels of both, unit and configuration in /srv."""
    srv = made.deb.parent
    for name, kind in (("records", "input"), ("shout", "line")):
        subprocess.run([*LOGSRV, "new", name, "--kind", kind], cwd=tmp_path, check=True)
        pip = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(srv), "."]
        subprocess.run([sys.executable, *pip], cwd=tmp_path / name, check=True)
    (srv / "shout.service").write_text((tmp_path / "shout/shout.service").read_text())
    own = (tmp_path / "shout/shout.toml").read_text().replace("#metrics", "metrics")
    (srv / "shout.toml").write_text(own)


def shell(machine: Machine, text: str, status: int = 0) -> str:
    # In the machine `/` is another than the one that it was entered from.
    return machine.run("env", "--chdir=/srv", "sh", "-ec", text, status=status)


def works(machine: Machine, word: str) -> None:
    """See that both take what comes; a record with `word` is found."""
    shell(machine, f"printf '{word}\\0' | logsrv connect 127.0.0.1:7001")
    search = ("logsrv", "search", "--directory", "/var/lib/logsrv/lines", word)
    wait_until(lambda: word in machine.start(*search).communicate()[0], "the record")
    assert shell(machine, "echo hello | logsrv connect 127.0.0.1:7000") == "HELLO!\n"


def process(machine: Machine) -> str:
    return machine.run("systemctl", "show", "-P", "MainPID", "shout")


def test_an_input_and_a_service_outlive_an_upgrade(machine, made, newer, projects):
    install(machine, made.deb)
    the_input, listener, service = commands()
    assert f"{RECORDS}/twisted/plugins/records_plugin.py" in shell(machine, the_input)
    checked = shell(machine, listener)
    assert re.search(r"^ok +tcp:7001 on 127.0.0.1 +is free$", checked, re.MULTILINE), checked
    checked = shell(machine, service)
    assert re.search("^ok +user +shout", checked, re.MULTILINE), checked
    works(machine, "before")
    assert "connections_total" in machine.run("python3", "-c", FIGURES)
    _serves_tls_after_a_reload(machine)

    began = process(machine)
    install(machine, newer)
    assert process(machine) not in (began, "0\n")
    works(machine, "after")
    log = machine.run("journalctl", "--unit=logsrv", "--unit=shout", "--no-pager")
    assert "Traceback" not in log
    assert "plugin cache" not in log


def _serves_tls_after_a_reload(machine: Machine) -> None:
    shell(
        machine,
        f"""
        # The installer of Debian writes it; a bare root has none.
        echo 127.0.0.1 localhost >/etc/hosts
        install -d -m 750 -g shout /etc/shout
        /opt/logsrv/bin/python -m logsrv.kit.net.self_signed /etc/shout
        chown root:shout /etc/shout/*.pem
        chmod 640 /etc/shout/*.pem
        sed -i 's!^allow = .*!listen = ["tcp:7000", "{SSL}"]!' /etc/shout.toml
        systemctl reload shout
        """,
    )
    asks = "echo hello | logsrv connect tls:localhost:7002:cafile=/etc/shout/cert.pem"
    wait_until(lambda: "HELLO!" in machine.start("sh", "-c", asks).communicate()[0], "TLS")
    began = process(machine)
    machine.run("systemctl", "restart", "shout")
    assert process(machine) != began
    assert "HELLO!" in shell(machine, asks)


def test_one_that_cannot_be_loaded_or_trusted_stops_nothing(machine, made, projects):
    install(machine, made.deb)
    the_input, listener, _ = commands()
    shell(machine, the_input + listener)
    for spoil, mend, why in (
        (
            f"mv {RECORDS}/records {RECORDS}/gone",
            f"mv {RECORDS}/gone {RECORDS}/records",
            "ModuleNotFoundError: No module named 'records' ",
        ),
        (
            f"chmod 777 {RECORDS}",
            f"chown -R root:root {RECORDS}; chmod -R u=rwX,go=rX {RECORDS}",
            f"chown -R root:root {RECORDS}; chmod -R u=rwX,go=rX {RECORDS}",
        ),
    ):
        shell(machine, f"{spoil}; systemctl restart logsrv")
        shell(machine, "logger --server 127.0.0.1 --port 1234 --tcp 'others go on'")
        assert why in shell(machine, "logsrv plugins", status=1)
        assert "records:tcp:7001" in shell(machine, "logsrv check", status=1)
        assert "records:tcp:7001:interface=127.0.0.1 is left out" in machine.run(
            *("systemctl", "show", "-P", "StatusText", "logsrv")
        )
        shell(machine, f"{mend}; logsrv plugins; systemctl restart logsrv")
        shell(machine, "printf 'mended\\0' | logsrv connect 127.0.0.1:7001")
    log = machine.run("journalctl", "--unit=logsrv", "--no-pager")
    [said] = set(re.findall(r"records:tcp:7001\S+ is left out, .*ModuleNotFoundError.*", log))
    assert f"{RECORDS}/twisted/plugins/records_plugin.py" in said
