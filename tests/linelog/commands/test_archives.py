"""`-d URL` above the stores of archives: one question over all of them."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.linelog.archive.putting import put_segment
from logsrv.linelog.objects.opening import open_archive
from logsrv.linelog.store.disk import Disk
from tests.parts.archived_stores import packed, sealed_store
from tests.parts.buckets import buckets
from tests.parts.commands import logsrv

ONE, OTHER, THIRD = 32 * "a", 32 * "b", 32 * "c"
LAYOUTS = {
    "one store": {"": [ONE]},
    "two stores in one archive": {"": [ONE, OTHER]},
    "three stores in one archive": {"": [ONE, OTHER, THIRD]},
    "an archive for each": {"edge-1": [ONE], "edge-2": [OTHER]},
    "one archive in a folder": {"edge-1": [ONE]},
    "archives of several stores": {"north": [ONE, OTHER], "south": [THIRD]},
    "archives at two depths": {"north/edge-1": [ONE], "edge-2": [OTHER]},
    "stores beside an archive": {"": [ONE], "edge-2": [OTHER]},
    "three folders deep": {"a/b/c": [ONE], "a/b/d": [OTHER]},
}
LINES = 30


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sealed_store(tmp_path_factory.mktemp("store"), segments=1, count=LINES)


@pytest.fixture(params=["file", pytest.param("s3", marks=pytest.mark.slow)])
def base_url(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The URL of a directory for archives, or of a prefix in a bucket, with nothing of us in it."""
    if request.param == "file":
        (tmp_path / "archives" / "lost+found").mkdir(parents=True)
        yield f"file://{tmp_path}/archives"
        return
    pytest.importorskip("obstore")
    with buckets("logs") as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield "s3://logs/prefix"


def archive_all_of(layout: str, store: Path, base_url: str) -> list[str]:
    """Archive a store under each identity of a layout; return the URLs of these."""
    found = []
    for folder, stores in LAYOUTS[layout].items():
        url = f"{base_url}/{folder}".rstrip("/")
        if url.startswith("file:"):
            Path(url.removeprefix("file://")).mkdir(parents=True, exist_ok=True)
        with Disk().open_directory(store) as disk:
            for identity in stores:
                for one in packed(store):
                    put_segment(open_archive(url), one, disk, identity)
                found.append(f"{url}/{identity}")
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_stores_below_a_url_are_searched_as_one(store, base_url, layout):
    count, url = len(archive_all_of(layout, store, base_url)), base_url
    found = logsrv("search", "-d", url, "-c", "segment")
    assert (found.stdout, found.stderr) == (b"%d\n" % (LINES * count), b"")
    table = logsrv("sql", "-d", url, "--output", "csv", "select count(*) as n from logs")
    assert table.stdout.split() == [b"n", b"%d" % (LINES * count)], table.stderr
    last = logsrv("tail", "-d", url, "-n", "1000")
    assert last.stdout.count(b"\n") == LINES * count
    shown = logsrv("show", "-d", url, "1:0")
    if count == 1:
        assert b"line 0" in shown.stdout
    else:
        assert shown.returncode == 2
        assert b"a position is of one store" in shown.stderr
        assert b"a" * 32 in shown.stderr and b"b" * 32 in shown.stderr


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_only_store_below_a_url_is_restored_and_of_several_each_is_named(
    store, tmp_path, base_url, layout
):
    urls = archive_all_of(layout, store, base_url)
    done = logsrv("restore", "--from", base_url, str(tmp_path / "back"))
    if len(urls) == 1:
        assert (done.returncode, done.stderr) == (0, b"")
    else:
        assert done.returncode == 1
        there = re.findall(r"\S+://\S+[0-9a-f]{32}", done.stderr.decode())
        assert sorted(there) == sorted(urls) and b"name one of them by its URL" in done.stderr
        assert not (tmp_path / "back").exists()
    for number, url in enumerate(urls):
        identity = url[-32:]
        for words in (url,), (base_url, "--store", identity):
            back = tmp_path / f"{number}-{len(words)}"
            done = logsrv("restore", "--from", *words, str(back))
            assert (done.returncode, done.stderr) == (0, b"")
            assert done.stdout.startswith(f"{back} is store {identity}: 1 segment, ".encode())
            assert logsrv("search", "-d", str(back), "-c", "segment").stdout == b"%d\n" % LINES
    for words in (base_url, "--store", 32 * "d"), (f"{base_url}/{32 * 'd'}",):
        done = logsrv("restore", "--from", *words, str(tmp_path / "none"))
        assert done.returncode == 1
        assert b"name one of them" in done.stderr or b"has no segment of" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("doctor", "URL"),
        ("doctor", "--repair", "URL"),
        ("backup", "URL", "to"),
        ("backup", "from", "URL"),
        ("reindex", "-d", "URL"),
        ("import", "-d", "URL", "file"),
        ("ship", "--status", "URL"),
        ("ship", "--new-identity", "URL"),
        ("restore", "--from", "from", "URL"),
    ],
)
@pytest.mark.parametrize("url", ["s3://bucket/prefix", "file:///srv/archive"])
def test_commands_that_take_a_directory_say_so_and_make_none(tmp_path, words, url):
    (tmp_path / "file").write_text("one\n")
    done = logsrv(*(url if one == "URL" else one for one in words), directory=tmp_path)
    assert done.returncode == 2
    assert f"{url} is a URL, and this command takes a directory" in done.stderr.decode()
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("folders", "there"),
    [([], b"any store\n"), (["x", "y"], b"it has the folders x, y\n"), (["\x1bx"], b"\\x1bx\n")],
)
def test_a_url_without_a_store_is_an_error_that_names_the_folders_there(tmp_path, folders, there):
    for name in folders:
        (tmp_path / name).mkdir()
    found = logsrv("search", "-d", f"file://{tmp_path}", "x")
    assert found.returncode == 2
    assert found.stderr.endswith(there) and b"no segment of any store" in found.stderr
