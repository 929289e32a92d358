"""The gate for speed: what costs more instructions than in the last release is red."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench import instructions
from bench.child import ChildError
from bench.instructions import ROOT, Perf, Valgrind, Version, compare, main, report, serve
from logsrv.kit.testing.patience import PATIENCE


@pytest.mark.parametrize(("now", "slower"), [(104.9, []), (105.1, ["top"]), (90.0, [])])
def test_a_workload_is_slower_above_five_percent(now, slower):
    table, found = report({"top": (now * 1e6, 100e6), "lines": (100e6, 100e6)})
    assert found == slower
    assert f"{now / 100:.3f}" in table


def test_a_slower_workload_is_counted_again(tmp_path):
    ours, theirs = (
        Version(tmp_path / name, Valgrind(), tmp_path, tmp_path) for name in ("ours", "theirs")
    )
    counts = {ours: [120.0, 101.0], theirs: [100.0, 99.0]}
    found = compare(ours, theirs, {"lines": lambda version: counts[version].pop(0)})
    assert found == {"lines": (101.0, 100.0)}


def test_the_instructions_of_all_processes_are_added_up(tmp_path):
    (tmp_path / "process.1").write_text("==1== \n==1== I   refs:      1,234\n")
    (tmp_path / "process.2").write_text("==2== I refs: 2,000,000\n")
    (tmp_path / "process.3").write_text("==3== killed\n")
    assert Valgrind().read(tmp_path) == 2_001_234


@pytest.mark.parametrize(
    ("printed", "count"),
    [
        ("# started\n\n1048576,,instructions:u,99,100.00,,\n", 1_048_576),
        ("<not supported>,,instructions:u,0,100.00,,\n", 0),
    ],
)
def test_a_machine_without_a_counter_is_known_by_what_perf_prints(printed, count, tmp_path):
    (tmp_path / "stat").write_text(printed)
    assert Perf().read(tmp_path) == count


@pytest.mark.parametrize(
    ("programs", "tag", "reason"),
    [([], "v1", "neither perf nor valgrind"), (["true"], None, "tag")],
)
def test_the_gate_is_skipped_without_a_counter_or_a_release(
    programs, tag, reason, monkeypatch, capsys
):
    monkeypatch.setattr(shutil, "which", lambda name: name if name in programs else None)
    monkeypatch.setattr(instructions, "last_tag", lambda: tag)
    assert main([]) == 0
    said = capsys.readouterr().out
    assert said.startswith("skipped: ")
    assert reason in said


DYING = """
import socket, sys
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as listening:
    listening.accept()
    sys.exit("out of paper")
"""


class DyingServer(Perf):
    """A counter that runs another server in place of logsrv."""

    def wrap(self, command: Sequence[str], out: Path) -> list[str]:
        port = command[command.index("--listen") + 1].split(":")[2]
        return [sys.executable, "-c", DYING, port]


def test_a_server_that_dies_is_not_waited_for_and_its_log_is_shown(tmp_path):
    version = Version(ROOT, DyingServer(), tmp_path, tmp_path)
    with pytest.raises(ChildError, match=r"^ended with status 1: .*out of paper"):
        serve(version, "lines", lambda connection, lines: None, 1, lambda logs, lines: False)


@pytest.mark.long
@pytest.mark.nightly
def test_a_version_is_as_fast_as_itself(tmp_path):
    if instructions.find_counter() is None:
        pytest.skip("neither perf nor valgrind counts here")
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, timeout=5 * PATIENCE
    )
    cases = ("lines", "search common", "seal")
    words = [f"--case={case}" for case in cases]
    assert (
        main(["--since", head.stdout.strip(), *words, "--megabytes=20", f"--directory={tmp_path}"])
        == 0
    )
    assert not [*Path(tmp_path).iterdir()]
