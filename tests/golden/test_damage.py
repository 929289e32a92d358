"""A damaged byte in a file of a golden store: the doctor names the file, and repairs it if it can."""

from pathlib import Path

import pytest

from tests.golden.golden import answers_of
from tests.parts.commands import logsrv

pytestmark = pytest.mark.slow

MADE_AGAIN = ("*.idx", "*.words", "*.parquet", "number")
SET_ASIDE = ("synced", "waiting", "*.archived")
LOST = ("*.zst", "ship/centre", "alerts/1")


def damage(edge: Path, pattern: str) -> Path:
    """Change a byte in the middle of the largest of these files."""
    path = max(edge.glob(pattern), key=lambda one: one.stat().st_size)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)
    return path


def answers_wrongly(stores: Path) -> list[str]:
    """Return the questions about edge that get another answer than from its version."""
    wrong = []
    for asked in answers_of(stores.name)["asked"]:
        if asked["words"][1:3] == ["-d", "edge"] and asked["words"][0] == "search":
            done = logsrv(*asked["words"], directory=stores)
            if done.stdout.decode() != asked["output"]:
                wrong.append(" ".join(asked["words"]))
    return wrong


@pytest.mark.parametrize("pattern", [*MADE_AGAIN, *SET_ASIDE])
def test_a_damaged_file_is_repaired(stores, pattern):
    path = damage(stores / "edge", pattern)
    looked = logsrv("doctor", str(stores / "edge"))
    assert looked.returncode == 1
    assert f"damaged: {path.relative_to(stores / 'edge')}".encode() in looked.stdout
    assert b"lost:" not in looked.stdout
    assert answers_wrongly(stores) == []
    repaired = logsrv("doctor", "--repair", str(stores / "edge"))
    assert repaired.returncode == 0, repaired.stdout
    assert logsrv("doctor", str(stores / "edge")).stdout.endswith(b": sound\n")
    if pattern in MADE_AGAIN:
        logsrv("reindex", "-d", str(stores / "edge"))
        assert path.exists()
    assert answers_wrongly(stores) == []


@pytest.mark.parametrize("pattern", LOST)
def test_a_damaged_file_that_cannot_be_repaired_is_named(stores, pattern):
    path = damage(stores / "edge", pattern)
    looked = logsrv("doctor", "--repair", str(stores / "edge"))
    assert looked.returncode == 1
    assert path.name.encode() in looked.stdout


def test_lost_lines_come_back_from_the_backup(stores, tmp_path):
    damage(stores / "edge", "*.zst")
    restored = logsrv("restore", "--from", str(stores / "backup"), str(tmp_path / "back"))
    assert restored.returncode == 0
    assert logsrv("doctor", str(tmp_path / "back")).stdout.endswith(b": sound\n")
