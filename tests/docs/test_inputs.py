"""docs/inputs.md, followed by a reader with a wire format of their own."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench.echo.servers import code_lines
from logsrv.kit.testing import TwistdProcess, wait_until
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.inputs.intake.intake import Intake
from tests.docs.conftest import ROOT
from tests.docs.story import Story, blocks

PAGE = (ROOT / "docs" / "inputs.md").read_text()


@pytest.mark.long
@pytest.mark.nightly
def test_an_input_of_ones_own_works_as_printed(tmp_path: Path, index: Mapping[str, str]) -> None:
    """From an empty folder to records in the log of a real daemon."""
    with Story(tmp_path, ports=(7000, 7001), environment=index) as reader:
        reader.follow(PAGE)


def test_the_input_has_about_ten_lines() -> None:
    [source] = [block.body for block in blocks(PAGE) if block.argument == "records/records.py"]
    assert code_lines(source) <= 12


@pytest.mark.slow
def test_the_input_of_the_intake_stores_what_it_takes(tmp_path: Path) -> None:
    plugin = tmp_path / "twisted" / "plugins" / "digits_plugin.py"
    plugin.parent.mkdir(parents=True)
    [source] = [block.body for block in blocks(PAGE) if block.argument.endswith(plugin.name)]
    plugin.write_text(source)
    stored = tmp_path / "logs" / "current.log"
    listen = "digits:udp:0:interface=127.0.0.1"
    with (
        TwistdProcess("logsrv", "--listen", listen, directory=tmp_path) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        client.connect(("127.0.0.1", server.port()))
        client.send(b"\xff\n")
        client.send(b"two")
        client.settimeout(PATIENCE)
        assert client.recv(100) == client.recv(100) == b"stored"
        wait_until(lambda: stored.read_text().count("\n") == 2, "both datagrams")
        sender = f"udp:127.0.0.1:{client.getsockname()[1]}"
    lines = [line.partition(" ")[2] for line in stored.read_text().splitlines()]
    assert lines == [f"{sender} ff0a", f"{sender} 74776f"]


def test_the_page_names_what_an_intake_has() -> None:
    """Each name in the table exists, and each public name is in the table."""
    table = re.search(r"^\| `Intake`.*?\n\n", PAGE, re.MULTILINE | re.DOTALL)
    assert table is not None
    first_cells = [row.split("|")[1] for row in table[0].strip().splitlines()[2:]]
    named = {name for cell in first_cells for name in re.findall(r"`(\w+)", cell)}
    public = {name for name in vars(Intake) if not name.startswith("_")}
    # The service and the valve call these; inputs do not.
    public -= {"apply", "flush", "pauseProducing", "resumeProducing"}
    assert public <= named
    source = (ROOT / "logsrv" / "linelog" / "inputs" / "intake" / "intake.py").read_text()
    for name in named:
        assert re.search(rf"(def |self\.){name}\b", source), name
