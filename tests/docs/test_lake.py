"""The statements of docs/lake.md and docs/lake/ run in ClickHouse (chdb) and DuckDB."""

import re
from collections.abc import Iterator, Mapping

import pytest

from logsrv.linelog.archive.putting import put_segment
from logsrv.linelog.lake.lake_segment import put_lake_segment
from logsrv.linelog.objects.opening import open_archive
from tests.parts.archived_stores import STORE, packed
from tests.parts.archives import ROOT
from tests.parts.disks import at
from tests.parts.engines import ask_engine, seaweed
from tests.parts.stores import lines, make_store

PAGE = (ROOT / "docs/lake.md").read_text()
FOLDER = ROOT / "docs/lake"
MESSAGES = [f"level={level} app=shop ms={n} took" for n in range(50) for level in ("info", "warn")]

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables by which a bucket with a lake and an archive is reached."""
    store = make_store(tmp_path_factory.mktemp("store") / "store", [lines(MESSAGES), []])
    [segment] = packed(store)
    with seaweed(tmp_path_factory.mktemp("weed"), "logs") as environment:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            lake, archive = open_archive("s3://logs/lake"), open_archive("s3://logs/archive")
            put_lake_segment(lake, segment, at(store), STORE, lambda: True)
            put_segment(archive, segment, at(store), STORE)
        yield environment


def statements(bucket: Mapping[str, str], name: str) -> list[str]:
    """Return the statements of a file, with the address of the bucket."""
    known = {
        "https://s3.example.org": bucket["AWS_ENDPOINT_URL"],
        "'KEY'": f"'{bucket['AWS_ACCESS_KEY_ID']}'",
        "'SECRET'": f"'{bucket['AWS_SECRET_ACCESS_KEY']}'",
    }
    text = (FOLDER / f"{name}.sql").read_text()
    for old, new in known.items():
        text = text.replace(old, new)
    return text.partition("\n")[2].rstrip().removesuffix(";").split(";\n")


def test_clickhouse_runs_the_statements_of_the_page(bucket):
    *first, words, texts = ask_engine(
        "chdb", *statements(bucket, "clickhouse"), *statements(bucket, "clickhouse-archive")
    )
    assert first[0] == [["shop", 50, 24.5]]
    assert len(words) == 10 and all("took" in message for _, message in words)
    assert texts == [[100]]


def test_clickhouse_takes_the_queue_up_to_its_keeper(bucket):
    queue, _ = statements(bucket, "clickhouse-queue")
    with pytest.raises(AssertionError, match="no Zookeeper configuration"):
        ask_engine("chdb", queue)


def test_duckdb_runs_the_statement_of_the_page(tmp_path):
    store = make_store(tmp_path / "store", [lines(MESSAGES), []])
    (tmp_path / "lake").mkdir()
    for segment in packed(store):
        lake = open_archive(f"file://{tmp_path}/lake")
        put_lake_segment(lake, segment, at(store), STORE, lambda: True)
    [statement] = re.findall(r"\| DuckDB \| `(.*)` \|", PAGE)
    [rows] = ask_engine("duckdb", statement.replace("/srv/lake", f"{tmp_path}/lake"))
    assert sorted(rows) == [["info", 50], ["warning", 50]]
