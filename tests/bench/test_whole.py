"""Benchmarks beside `make bench`, each run whole at a small size: it measures, and leaves nothing."""

import shutil
import subprocess
import sys

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.archives import ROOT
from tests.parts.nats_servers import newer

pytestmark = [pytest.mark.long, pytest.mark.nightly]

NEEDS_RG = pytest.mark.skipif(
    shutil.which("rg") is None or shutil.which("zstdcat") is None,
    reason="ripgrep or zstd is not on PATH",
)
# Those that take minutes in the short form as well are left to `python -m bench.growth --short`.
IN_SHORT = ("alerts", "gc-pause", "metrics", "networks", "stop-tls", "histogram", "rotation")


def measured(*words: str) -> tuple[int, str]:
    """Return the status of a benchmark, 1 if a bar is missed, and what it prints."""
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=5 * PATIENCE)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            "patterns --lines 20000 --runs 1",
            ["new: 2 of the 2 planted, 0 others", "CPU for a million lines: ", "peak memory: "],
        ),
        ("sealing --kind access --megabytes 2 --runs 1", ["access: ", "MB/s without", "% (bar"]),
        (
            "sustained --kind access --rate 3000 --minutes 0.1",
            ["| lines a second ", "million lines: receiving", "kept up"],
        ),
        ("masks --lines 1000 --runs 1 --share all", ["| cards ", "| passwords ", " logsrv |"]),
        pytest.param(
            "search --segments 2 --megabytes 3 --runs 1 --directory {}"
            " --case word --case common --case number --case id",
            ["| word ", "| common ", "All numbers agree."],
            marks=NEEDS_RG,
        ),
    ],
)
def test_a_benchmark_says_what_it_found(command, said, tmp_path):
    _, printed = measured(*f"bench.{command}".format(tmp_path).split())
    for each in said:
        assert each in printed
    assert list(tmp_path.iterdir()) == []


def test_costs_grow_as_they_may():
    """The short form of curves: costs of small sizes, measured again when they are too much."""
    status, printed = measured("bench.growth", "--short", *(f"--curve={name}" for name in IN_SHORT))
    assert status == 0, printed


def test_a_store_is_shipped_and_measured(tmp_path):
    words = ["--text", "live", "--megabytes", "12", "--directory", str(tmp_path)]
    to = ["--to", "blocks", "--to", "nats-1", "--nats-server", newer()]
    _, printed = measured("bench.ship", *words, *to)
    rows = printed.splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == ["live, blocks", "live, nats-1"]
