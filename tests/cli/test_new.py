"""`logsrv new NAME`: a project that runs and tests itself at once."""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.cli import new
from logsrv.kit.testing import TelnetSession, wait_until
from tests.cli.command import logsrv
from tests.programs import missing, program

CHECKOUT = Path(new.__file__).parents[2]
SLOW = 300.0
PACKED = ("logsrv", "twisted", "setup.cfg", "pyproject.toml", "MANIFEST.in", "LICENSE", "README.md")


@pytest.mark.parametrize("kind", new.KINDS)
def test_every_kind_is_written(tmp_path: Path, kind: str) -> None:
    """All that a package needs, and nothing of the template's left in it."""
    made = logsrv("new", "shouting_bird", "--kind", kind, directory=tmp_path)
    assert (made.returncode, made.stderr) == (0, b"")
    assert b"cd shouting_bird" in made.stdout
    project = tmp_path / "shouting_bird"
    files = {str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()}
    assert files >= {
        "twisted/plugins/shouting_bird_plugin.py",
        "shouting_bird/__init__.py",
        "tests/test_shouting_bird.py",
        "setup.cfg",
        "pyproject.toml",
        "README.md",
        "Makefile",
        ".gitignore",
        ".github/workflows/test.yml",
    }
    assert "twisted/__init__.py" not in files
    for file in files:
        text = (project / file).read_text()
        assert "{%" not in text
        assert "NAME" not in text
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
        if file.endswith(".py"):
            ast.parse(text)
            assert len(max(text.splitlines(), key=len)) <= 100
    config = configparser.ConfigParser()
    config.read(project / "setup.cfg")
    assert config["metadata"]["name"] == "shouting_bird"


def test_directory(tmp_path: Path) -> None:
    """The folder may have any name, and may be there if it is empty."""
    target = tmp_path / "my place"
    target.mkdir()
    assert logsrv("new", "shout", "--directory", str(target)).returncode == 0
    assert (target / "shout" / "protocol.py").is_file()


def refusal(*words: str, directory: Path) -> str:
    before = set(directory.rglob("*"))
    made = logsrv("new", *words, directory=directory)
    assert made.returncode == 1
    assert made.stdout == b""
    assert made.stderr.count(b"\n") == 1
    assert set(directory.rglob("*")) == before
    return made.stderr.decode()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Shout", "lower-case letters, digits and _, such as shout"),
        ("my-shout", "such as my_shout"),
        ("../shout", "such as shout"),
        ("2shout", "such as shout"),
        ("\x1b[2J", "\\x1b[2J is no name"),
        ("", "is no name for a plugin"),
        ("x" * 41, "is too long"),
        ("class", "class is a word of Python's"),
        ("test", "there is a Python module named test"),
        ("tests", "there is a Python module named tests"),
        ("logsrv", "there is a Python module named logsrv"),
        ("twisted", "there is a Python module named twisted"),
        ("greet", "there is something else that is called greet"),
        ("web", "there is something else that is called web"),
    ],
)
def test_names_that_cannot_be(tmp_path: Path, name: str, said: str) -> None:
    assert said in refusal(name, directory=tmp_path)


@pytest.mark.parametrize("name", ["lines", "tcp", "haproxy"])
def test_names_that_an_input_cannot_have(tmp_path: Path, name: str) -> None:
    """`--listen NAME:…` means something else already."""
    assert "is called" in refusal(name, "--kind", "input", directory=tmp_path)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "shout").mkdir()
    (tmp_path / "shout" / "mine").write_text("mine")
    assert "shout is there and not empty" in refusal("shout", directory=tmp_path)
    (tmp_path / "file").write_text("mine")
    said = refusal("shout", "--directory", "file", directory=tmp_path)
    assert "file is there and no folder" in said


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    said = refusal("shout", "--directory", "file/shout", directory=tmp_path)
    assert "Not a directory" in said


def run(*command: str, directory: Path) -> str:
    """What a command prints; without what would lead Python back to this checkout."""
    environment = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=SLOW
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    source.mkdir()
    for name in PACKED:
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, source / name)
        elif (CHECKOUT / name).is_file():
            shutil.copy(CHECKOUT / name, source / name)
    try:
        run(sys.executable, "-m", "venv", "venv", directory=place)
        pip = (str(place / "venv" / "bin" / "python"), "-m", "pip")
        run(*pip, "wheel", "--quiet", "--no-deps", "-w", "out", "./source", directory=place)
    except AssertionError as error:
        missing(f"no wheel can be built here: {error}")
    (built,) = (place / "out").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def line_project(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """A project of the kind `line`, in whose environment `make test` has run as a newcomer would."""
    place = tmp_path_factory.mktemp("projects")
    assert logsrv("new", "shout", directory=place).returncode == 0
    project = place / "shout"
    make = (program("make", "make"), f"PYTHON={sys.executable}", f"LOGSRV={wheel}", "test")
    assert "4 passed" in run(*make, directory=project)
    return project


@pytest.mark.long
@pytest.mark.parametrize("kind", ["request", "datagram", "input"])
def test_its_own_tests_pass(line_project: Path, kind: str) -> None:
    """`make test`, for the other kinds too, which share the environment of the first."""
    place = line_project.parent
    name = f"my_{kind}"
    assert logsrv("new", name, "--kind", kind, directory=place).returncode == 0
    project = place / name
    (project / ".venv").symlink_to(line_project / ".venv")
    pip = (str(project / ".venv" / "bin" / "python"), "-m", "pip")
    run(*pip, "install", "--quiet", "--no-deps", "--editable", ".", directory=project)
    (project / ".venv" / "ready").touch()
    assert " passed" in run(program("make", "make"), "test", directory=project)


@pytest.mark.long
def test_make_run_serves_it(line_project: Path, tmp_path: Path) -> None:
    """It says what to type next, listens, answers, and Ctrl-C ends it."""
    output = tmp_path / "output"
    listen = "--listen tcp:0:interface=127.0.0.1"
    with output.open("wb") as file:
        make = subprocess.Popen(
            [program("make", "make"), "run", f"ARGS={listen}"],
            cwd=line_project, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
    try:
        wait_until(lambda: "shout is ready" in output.read_text(), "make run")
        found = re.search(r"listening on \S+ at 127.0.0.1:(\d+)", output.read_text())
        assert found
        with TelnetSession(int(found[1])) as session:
            session.send("hello")
            session.expect("HELLO!")
            session.send("quit")
            session.expect("bye")
            session.expect_close()
    finally:
        os.killpg(make.pid, signal.SIGINT)
        make.wait(SLOW)
    assert "try: .venv/bin/logsrv connect localhost:7000" in output.read_text()
    assert "shout: stopped, 0 connections cut off" in output.read_text()


@pytest.mark.long
def test_it_is_listed(line_project: Path, tmp_path: Path) -> None:
    """`logsrv plugins` of that environment knows its package, version and port."""
    command = str(line_project / ".venv" / "bin" / "logsrv")
    rows = [line.split() for line in run(command, "plugins", directory=tmp_path).splitlines()]
    (row,) = [row for row in rows if row and row[0] == "shout"]
    assert row[1:4] == ["0.1.0", "tcp:7000", "shout"]
