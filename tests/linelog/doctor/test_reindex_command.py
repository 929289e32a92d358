"""Indexes made by hand, for segments that have none."""

import pytest

from logsrv.linelog.doctor.reindex_command import MOST_NAMED
from tests.parts.commands import logsrv
from tests.parts.small_segments import small_segments
from tests.parts.word_segments import sealed

NAME = "0000000001-20261120T061842Z.log.zst"


def test_segments_get_their_indexes_and_a_second_run_has_nothing_to_do(tmp_path):
    sealed(tmp_path)
    shown = logsrv("reindex", "--directory", str(tmp_path))
    assert shown.stdout.decode().splitlines() == [
        f"{NAME}: made its word index and its columns",
        "1 sealed segments; indexes or columns were made for 1",
    ]
    assert shown.returncode == 0 and (tmp_path / f"{NAME}.words").exists()
    assert (tmp_path / NAME.replace(".log.zst", ".parquet")).exists()
    again = logsrv("reindex", "--directory", str(tmp_path))
    assert again.stdout.decode().splitlines() == [
        "1 sealed segments; indexes or columns were made for 0"
    ]


def test_an_index_is_made_also_where_a_word_index_would_be_too_large(tmp_path):
    [index] = small_segments(tmp_path, 1).glob("*.idx")
    index.unlink()
    shown = logsrv("reindex", "--directory", str(tmp_path)).stdout.decode().splitlines()
    assert shown[0] == (
        f"{index.stem}: made its index of frames; a word index would be too large to be of use"
    )


@pytest.mark.slow
def test_columns_with_a_wrong_bit_are_made_again(tmp_path):
    sealed(tmp_path)
    logsrv("reindex", "--directory", str(tmp_path))
    columns = tmp_path / NAME.replace(".log.zst", ".parquet")
    whole = columns.read_bytes()
    columns.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    shown = logsrv("reindex", "--directory", str(tmp_path))
    assert shown.stdout.decode().splitlines()[0] == f"{NAME}: made its columns"
    assert columns.read_bytes() == whole


def test_a_damaged_segment_is_an_exit_status_of_1(tmp_path):
    sealed(tmp_path)
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes()[:-9])
    shown = logsrv("reindex", "--directory", str(tmp_path))
    assert shown.returncode == 1
    assert shown.stderr.decode().startswith(f"logsrv reindex: {NAME}: ")


def test_a_store_that_is_not_there_is_one_sentence(tmp_path):
    shown = logsrv("reindex", "--directory", str(tmp_path / "no"))
    assert shown.returncode == 1
    assert shown.stderr.decode().count("\n") == 1
    assert "cannot be read: No such file or directory" in shown.stderr.decode()


def test_the_variable_names_the_store_as_it_does_for_a_search(tmp_path):
    sealed(tmp_path)
    shown = logsrv("reindex", environment={"LOGSRV_DIRECTORY": str(tmp_path)})
    assert (
        shown.stdout.decode().splitlines()[-1]
        == "1 sealed segments; indexes or columns were made for 1"
    )


@pytest.mark.slow
def test_of_very_many_segments_some_are_named(tmp_path):
    store = small_segments(tmp_path / "store", MOST_NAMED + 5)
    shown = logsrv("reindex", "--directory", str(store)).stdout.decode().splitlines()
    assert len(shown) == MOST_NAMED + 1
    assert shown[-1] == f"{MOST_NAMED + 5} sealed segments; indexes or columns were made for 0"


def test_several_stores_are_refused():
    done = logsrv("reindex", "-d", "a", "-d", "b")
    assert done.returncode == 2 and b"takes one" in done.stderr
