"""The golden files: stores that earlier versions made, and the answers that these versions gave of them.

`packaging/release/golden.py` makes a folder for each version, with stores.tar.xz and answers.json. The
folder before-0.1.1 was made without answers; it has files that no later version makes.
"""

import json
import tarfile
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("*/stores.tar.xz"))
VERSIONS = [path.name for path in FOLDERS if (path / "answers.json").exists()]

CHANGED: dict[str, tuple[str, ...]] = {
    "before-0.1.1": ("index",),
    # Keys of logfmt have letters of any script.
    "0.1.1": ("index", "columns"),
}
"""Kinds of files that this version makes again from the text, by the version that wrote them.

Their format has another number, or the rules for fields and levels have (`fields/level_names.py`).
"""


@cache
def answers_of(version: str) -> dict[str, Any]:
    """Return what a version answered."""
    found: dict[str, Any] = json.loads(
        (Path(__file__).parent / version / "answers.json").read_text()
    )
    return found


def unpack(folder: Path, place: Path) -> Path:
    """Unpack the stores of a version into a directory, and return it."""
    with tarfile.open(folder / "stores.tar.xz") as archive:
        # Pythons before 3.11.4 have no filters.
        if hasattr(tarfile, "data_filter"):
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(place)
    return place


def lake_query(place: Path, statement: str) -> list[list[str]]:
    """Return the rows that DuckDB finds in the lake of these stores, as texts."""
    files = f"read_parquet('{place}/lake/*/*.parquet', hive_partitioning = true)"
    with duckdb.connect() as connection:
        rows = connection.execute(statement.format(lake=files)).fetchall()
    return [[str(value) for value in row] for row in rows]
