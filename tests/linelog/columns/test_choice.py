"""The fields of a segment that get a column, whatever their names and values, for us and for engines."""

import json
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import pytest

from logsrv.linelog.columns import choice, groups
from tests.parts.made_columns import columns_of, values_of
from tests.parts.mixed_lines import STAMP, fields_of_records


def objects(*values: object) -> list[bytes]:
    return [STAMP + json.dumps(one).encode() for one in values]


def in_duckdb(directory: Path, sql: str) -> list[Any]:
    """Return the rows of a query of the columns."""
    [path] = directory.glob("*.parquet")
    return duckdb.execute(sql.format(f"'{path}'")).fetchall()


def test_engines_read_the_same_columns(tmp_path):
    lines = objects({"user": "ann", "ms": 1.5, "n": 1}, {"user": "bob", "n": -5}, {"ms": 2.25})
    with columns_of(tmp_path, [*lines, b"no stamp"]):
        pass
    found = in_duckdb(tmp_path, 'SELECT position, epoch_us(time), source, "user", ms, n FROM {}')
    moment, source = 1_795_155_522_123_456, "web@tcp:10.0.0.1:51234"
    assert found == [
        (0, moment, source, "ann", 1.5, 1),
        (len(lines[0]) + 1, moment, source, "bob", None, -5),
        (len(lines[0] + lines[1]) + 2, moment, source, None, 2.25, None),
        (len(b"".join(lines)) + 3, None, None, None, None, None),
    ]


def test_names_that_engines_cannot_tell_apart(tmp_path):
    odd = {"Status": "a", "status": "b", "STATUS": "c", "Host": "h", "fields": "f", "": "e"}
    odd |= {"q\"'`\\": "q", "a.b": "1.x", "a": "x", "日本": "j", "x" * 999: "l", "new\nline": "n"}
    with columns_of(tmp_path, objects(odd, {"status": "d"})) as columns:
        kept = {name for name in odd if columns.has(name)}
        for name in kept:
            assert values_of(columns, name)[0] == odd[name]
    assert kept == {"status", "q\"'`\\", "a.b", "a", "日本"}
    assert in_duckdb(tmp_path, 'SELECT status, "a.b", "日本" FROM {}')[0] == ("b", "1.x", "j")
    [[in_map]] = in_duckdb(tmp_path, "SELECT fields FROM {} LIMIT 1")
    assert in_map == {name: value for name, value in odd.items() if name not in kept}


def test_the_names_that_most_lines_have_get_columns(tmp_path, monkeypatch):
    monkeypatch.setattr(choice, "MOST_COLUMNS", 10)
    lines = [{f"field{one}": "x", "all": "y"} for one in range(100)]
    with columns_of(tmp_path, objects(*lines)) as columns:
        assert values_of(columns, "all") == ["y"] * 100
        kept = [one for one in range(100) if columns.has(f"field{one}")]
        assert 0 < len(kept) < 10
        for one in kept:
            assert values_of(columns, f"field{one}")[one] == "x"
        assert columns.has("never")
    found = in_duckdb(tmp_path, "SELECT count(*) FROM {} WHERE cardinality(fields) = 1")
    assert found == [(100 - len(kept),)]


@pytest.mark.slow
def test_ten_thousand_names(tmp_path):
    lines = [{f"field{one}": one, "all": one % 7} for one in range(10_000)]
    with columns_of(tmp_path, objects(*lines)) as columns:
        assert values_of(columns, "all") == [str(one % 7) for one in range(10_000)]
        assert sum(columns.has(f"field{one}") for one in range(10_000)) <= groups.MOST_COLUMNS
        for one in range(0, 10_000, 501):
            if columns.has(f"field{one}"):
                assert values_of(columns, f"field{one}")[one] == str(one)


@pytest.mark.slow
def test_a_field_is_known_in_all_frames_or_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(choice, "MOST_COLUMNS", 3000)
    random = Random(59)
    lines = [
        {f"field{random.randrange(1400 if one < 9000 else 3000)}": one % 9 for _ in range(6)}
        | {"all": one % 7, "filler": random.randbytes(90).hex()}
        for one in range(12_000)
    ]
    with columns_of(tmp_path, objects(*lines)) as columns:
        names = {name for line in lines for name in line}
        kept = [name for name in names if columns.has(name)]
        assert 0 < len(kept) < len(names)
        for name in kept:
            known = [None if name not in line else str(line[name]) for line in lines]
            assert values_of(columns, name) == known
        assert not columns.has("never")


@pytest.mark.slow
def test_names_of_which_others_are_made_are_known_near_a_thousand_others(tmp_path):
    random = Random(71)
    lines = [
        {f"u{random.randrange(2500)}": one, "filler": random.randbytes(90).hex()}
        | ({"host": "web2", "service": "cart", "process.pid": 9} if one % 140 == 0 else {})
        for one in range(12_000)
    ]
    stored = objects(*lines)
    records = fields_of_records(stored)
    with columns_of(tmp_path, stored) as columns:
        kept = [name for name in ("hostname", "app", "pid", "service") if columns.has(name)]
        assert "hostname" in kept
        for name in kept:
            known = [records.get(name, {}).get(row) for row in range(len(lines))]
            assert values_of(columns, name) == known


def test_decimals_that_a_double_would_round_are_different_texts(tmp_path):
    numbers = ["9007199254740993.0", "9007199254740992.0", "9007199254740993.1", "1.5"]
    texts = [numbers[one % 4 if one % 100 == 0 else 0] for one in range(12_099)]
    lines = [STAMP + b'{"x":%s,"y":[%s],"z":1.25}' % (one.encode(), one.encode()) for one in texts]
    with columns_of(tmp_path, lines) as columns:
        assert values_of(columns, "x") == texts
        assert values_of(columns, "y") == [[one] for one in texts]


def test_a_value_of_a_mebibyte(tmp_path):
    large = "é" * (1 << 19)
    with columns_of(tmp_path, objects({"a": large, "b": "x"}, {"a": "y", "b": large})) as columns:
        for name, values in (("a", [large, "y"]), ("b", ["x", large])):
            assert not columns.has(name) or values_of(columns, name) == values


@pytest.mark.parametrize(
    ("odd", "text"),
    [
        ("x", "x"),
        (2**63, "9223372036854775808"),
        (1.5, "1.5"),
        ("1.50", "1.50"),
        (float("nan"), "NaN"),
        (True, "true"),
        (None, None),
        ([1], ["1"]),
        ("", ""),
    ],
)
def test_a_number_in_one_line_and_another_value_in_the_next(tmp_path, odd, text):
    lines = objects(*({"a": one} for one in range(60)), {"a": odd})
    with columns_of(tmp_path, lines) as columns:
        assert values_of(columns, "a") == [*map(str, range(60)), text]


def test_bytes_that_are_no_text_leave_a_field_out(tmp_path):
    with columns_of(tmp_path, [STAMP + b"a=\xff b=x", STAMP + b"a=y b=z"]) as columns:
        assert not columns.has("a")
        assert values_of(columns, "b") == ["x", "z"]


@pytest.mark.slow
def test_columns_take_a_part_of_the_room_of_the_text(tmp_path):
    random = Random(59)
    lines = objects(
        *(
            {f"id{name}": f"{random.getrandbits(44):011x}" for name in range(8)} | {"kind": one % 3}
            for one in range(20_000)
        )
    )
    with columns_of(tmp_path, lines) as columns:
        assert values_of(columns, "kind")[:4] == ["0", "1", "2", "0"]
        assert any(columns.has(f"id{name}") for name in range(8))
    assert part_of_text(tmp_path) < 0.4


@pytest.mark.slow
def test_names_that_differ_in_case_take_no_more_room(tmp_path):
    random = Random(60)
    names = [f"{one:05b}".translate(CASES) for one in range(32)]
    lines = objects(
        *({name: random.randrange(2) for name in random.sample(names, 5)} for _ in range(20_000))
    )
    with columns_of(tmp_path, lines):
        pass
    assert part_of_text(tmp_path) < 0.4


CASES = {ord("0"): "e", ord("1"): "E"}


@pytest.mark.slow
def test_many_names_that_few_lines_have_take_no_more_room(tmp_path):
    random = Random(61)
    lines = objects(
        *({"id": f"{random.getrandbits(99):x}", f"field{one % 250}": one} for one in range(15_000))
    )
    with columns_of(tmp_path, lines) as columns:
        assert any(columns.has(f"field{name}") for name in range(250))
    assert part_of_text(tmp_path) < 0.4


def part_of_text(directory: Path) -> float:
    """Return the part of the size of a segment that its columns have."""
    [made, packed] = (next(directory.glob(one)).stat().st_size for one in ("*.parquet", "*.zst"))
    return made / packed
