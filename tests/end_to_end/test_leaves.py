"""The line logger without its leaves: a daemon and commands from a tree in which their folders are not."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

import logsrv as package
from logsrv.kit.testing import wait_until
from logsrv.linelog.leaves import LEAVES
from tests.parts.archived_stores import archive_all, remove_texts, sealed_store
from tests.parts.commands import logsrv
from tests.parts.warm.process import COLD

FOLDERS = tuple(leaf.folder for leaf in LEAVES)
SIZE = 20_000


def tree_without(folders: Sequence[str], place: Path) -> dict[str, str]:
    """Make a tree of links to all of logsrv but these folders of linelog; what makes Python take it."""
    away = [f"linelog/{one}" for one in folders]

    def link(source: Path, here: str) -> None:
        """Make the folder `here` below `logsrv`, with links to all in it but leaves."""
        (place / "logsrv" / here).mkdir(parents=True, exist_ok=True)
        for entry in source.iterdir():
            name = f"{here}/{entry.name}".lstrip("/")
            if any(one.startswith(f"{name}/") for one in away):
                link(entry, name)
            elif name not in away and entry.name != "__pycache__":
                (place / "logsrv" / name).symlink_to(entry)

    link(Path(package.__path__[0]), "")
    return {**os.environ, "PYTHONPATH": str(place), COLD: "1"}


@pytest.mark.parametrize(
    "folders",
    [
        pytest.param(FOLDERS, id="the core alone"),
        *(
            pytest.param((one,), id=one, marks=(pytest.mark.long, pytest.mark.nightly))
            for one in FOLDERS
        ),
    ],
)
def test_without_leaves_lines_are_taken_sealed_and_found(logger, tmp_path, folders):
    """Also what is missing is said."""
    environment = tree_without(folders, tmp_path / "tree")
    server = logger("--rotate-size", str(SIZE), environment=environment)
    lines = [b"line %d of many\n" % number for number in range(2 * SIZE // 30)]
    server.send(b"".join(lines))
    wait_until(lambda: [*server.store.glob("*.zst")], "a segment is sealed")
    server.send(b"<11>Nov 20 06:18:42 web1 shop[7]: the last\n")

    store = ("--directory", str(server.store))

    def run(*words: str) -> str:
        return logsrv(*words, environment=environment).stdout.decode()

    wait_until(lambda: "the last" in run("search", "last", *store), "it is found")
    assert run("search", "-c", "many", *store).strip() == str(len(lines))
    assert run("search", "app=shop", *store).count("\n") == 1
    told = run("plugins")
    checked = run("check", *store, "--listen", "tcp:0")
    for folder in FOLDERS:
        named = f"logsrv.linelog.{folder.replace('/', '.')}"
        assert (f"({named})" in told) is (folder in folders)
        assert (named in checked) is (folder in folders)


@pytest.mark.slow
def test_lines_in_an_archive_are_told_as_missing_without_what_reads_it(tmp_path):
    """What the indexes here answer is right; no other answer is given without a word."""
    store = sealed_store(tmp_path / "store", 2, count=50)
    archive_all(store, tmp_path / "archive")
    remove_texts(store)
    environment = tree_without(["archive"], tmp_path / "tree")
    url = f"file://{tmp_path}/archive"
    gone = "logsrv.linelog.archive was taken away"

    def run(*words: str) -> tuple[int, str, list[str]]:
        done = logsrv(*words, environment=environment)
        return done.returncode, done.stdout.decode(), done.stderr.decode().splitlines()

    assert run("search", "-c", "-d", str(store)) == (0, "101\n", [])
    status, out, told = run("search", "line OR last", "-d", str(store))
    assert (status, out.count("\n")) == (2, 1) and "the last one" in out
    for number, sentence in enumerate(told, 1):
        assert f"/{number:010d}-" in sentence
        assert sentence.endswith(f"is at {url}, and there is no reader of file: archives: {gone}")
    assert len(told) == 2
    for words in (
        ("search", "line", "-d", url),
        ("search", "line", "-d", "s3://logs/archive"),
        ("restore", "--from", url, str(tmp_path / "back")),
        ("check", "--directory", str(store), "--ship", url, "--listen", "tcp:0"),
    ):
        status, out, told = run(*words)
        assert status and gone in "".join([out, *told]) and "Traceback" not in out + "".join(told)
        assert words[0] == "check" or len(told) == 1


@pytest.mark.slow
def test_commands_of_leaves_that_are_away_are_named_and_not_listed(tmp_path):
    environment = tree_without(FOLDERS, tmp_path / "tree")

    def refused(*words: str) -> str:
        done = logsrv(*words, environment=environment)
        assert (done.returncode, done.stdout) == (2, b"")
        return done.stderr.decode()

    away = {
        name: f"there is no command {name}: {leaf.module} was taken away"
        for leaf in LEAVES
        for name in leaf.commands
    }
    assert {"alert", "backup", "doctor", "import", "reindex", "sql"} <= {*away}
    listed = logsrv("--help", environment=environment).stdout.decode()
    assert "\n  search " in listed
    for name, why in away.items():
        assert f"\n  {name} " not in listed
        assert refused(name) == f"logsrv: {why}\n"
        assert refused("help", name).startswith(f"logsrv help: argument SUBJECT: {why};")
    said = refused("restore", "--from", str(tmp_path), str(tmp_path / "new"))
    why = away["backup"]
    assert said == f"logsrv restore: logsrv backup restores backups, and {why}\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "words", "sentence"),
    [
        pytest.param(
            "formats/gelf",
            ("--listen", "gelf:udp:0"),
            "there is no input gelf: logsrv.linelog.formats.gelf was taken away",
            id="an input",
        ),
        pytest.param(
            "formats/kafka",
            ("--listen", "tcp:0", "--ship", "kafka://there.example/logs"),
            "there is no target kafka: logsrv.linelog.formats.kafka was taken away",
            id="a target",
        ),
    ],
)
def test_what_needs_a_leaf_that_is_away_is_refused(tmp_path, folder, words, sentence):
    environment = tree_without([folder], tmp_path / "tree")
    done = logsrv("check", "--directory", str(tmp_path), *words, environment=environment)
    assert done.returncode and sentence in (done.stdout + done.stderr).decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "file", "variable", "option"),
    [
        (("--alert", "x"), '[[alerts]]\nalert = "x"\n', "ALERT", "alert"),
        (("--no-alert-resolved",), "alert-resolved = false\n", "ALERT_EVERY", "alert"),
        (("--http", "tcp:0"), 'http = ["tcp:0"]\n', "HTTP", "http"),
    ],
)
def test_what_is_asked_of_a_missing_part_is_refused_with_its_name(
    tmp_path, words, file, variable, option
):
    environment = tree_without(("alerts", "http"), tmp_path / "tree")
    config = tmp_path / "c.toml"
    config.write_text(file)
    store = ("check", "--directory", str(tmp_path / "store"))
    asked = [(words, {}), (("--config", str(config)), {}), ((), {f"LOGSRV_{variable}": "x"})]
    for given, more in asked:
        done = logsrv(*store, *given, environment={**environment, **more})
        said = done.stdout.decode()
        assert f"there is no option {option}" in said and "was taken away" in said, given
        assert done.returncode == 1
