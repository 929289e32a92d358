"""`logsrv new NAME`: a project that runs and tests itself at once."""

import ast
import configparser
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pip
import pytest
from mypy import api
from packaging.specifiers import SpecifierSet

from logsrv import __version__
from logsrv.cli import new
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.commands import logsrv
from tests.parts.programs import program

CHECKOUT = Path(new.__file__).parents[2]
TYPES = CHECKOUT / ".mypy_cache" / "strangers"
SLOW = 5 * PATIENCE


@pytest.mark.parametrize("kind", new.KINDS)
def test_every_kind_of_project_is_complete(tmp_path, kind):
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
    # What the line logger runs is no service.
    own = {"shouting_bird.service", "shouting_bird.toml"}
    assert files & own == (set() if new.KINDS[kind].for_logger else own)
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


def test_directory_chooses_the_folder_of_the_project(tmp_path):
    """The folder may have any name, and may be there if it is empty."""
    target = tmp_path / "my place"
    target.mkdir()
    assert logsrv("new", "shout", "--directory", str(target)).returncode == 0
    assert (target / "shout" / "protocol.py").is_file()


@pytest.mark.parametrize("kind", ["line", "frame", "input", "http"])
def test_tls_writes_a_certificate_for_a_try(tmp_path, kind):
    """A pair for a try, whose key is nobody else's, and which git leaves alone; make makes another."""
    assert logsrv("new", "shout", "--tls", "--kind", kind, directory=tmp_path).returncode == 0
    project = tmp_path / "shout"
    assert (project / "tls" / "key.pem").stat().st_mode & 0o777 == 0o600
    assert {"local.mk", "/tls/"} <= set((project / ".gitignore").read_text().split())
    make = subprocess.run(
        [program("make", "make"), "--dry-run", "run", f"PYTHON={sys.executable}"],
        cwd=project, capture_output=True, text=True, check=True, timeout=5 * PATIENCE)  # fmt: skip
    assert "ssl:7000:privateKey=tls/key.pem:certKey=tls/cert.pem" in make.stdout
    clients = {"http": "curl --cacert tls/cert.pem https://localhost:7000/shout --data"}
    usual = "logsrv connect tls:localhost:7000:cafile=tls/cert.pem"
    assert clients.get(kind, usual) in make.stdout
    assert "self_signed" not in make.stdout
    shutil.rmtree(project / "tls")
    again = [program("make", "make"), "--dry-run", "tls/cert.pem"]
    made = subprocess.run(
        again, cwd=project, capture_output=True, text=True, check=True, timeout=5 * PATIENCE
    )
    assert "-m logsrv.kit.net.self_signed tls" in made.stdout


def test_tls_is_refused_for_datagrams(tmp_path):
    said = refusal("shout", "--tls", "--kind", "datagram", directory=tmp_path)
    assert "there is no TLS for a datagram" in said


def test_a_place_with_an_odd_name_is_no_command(tmp_path):
    odd = f"{tmp_path}/it's $(touch gone) #1"
    (tmp_path / "local.mk").write_text(f"LOGSRV ?= {new.quoted_for_make(odd)}\n")
    (tmp_path / "Makefile").write_text("include local.mk\nall:\n\t@printf %s '$(LOGSRV)'\n")
    make = program("make", "make")
    environment = {key: text for key, text in os.environ.items() if key != "LOGSRV"}
    shown = subprocess.run(
        [make], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=5 * PATIENCE
    )
    assert shown.stdout == odd


def test_a_project_finds_its_wheels_beside_those_of_the_environment(tmp_path, monkeypatch):
    """The wheel of the line logger needs that of the kit: pip searches both places."""
    wheel = tmp_path / "logsrv-1-py3-none-any.whl"
    wheel.touch()
    monkeypatch.setattr(new, "installable_origin", lambda **_: str(wheel))
    (tmp_path / "local.mk").write_text(new.origin_for_make("http"))
    (tmp_path / "Makefile").write_text('-include local.mk\nall:\n\t@echo "$$PIP_FIND_LINKS"\n')
    monkeypatch.setenv("PIP_FIND_LINKS", "/opt/wheels")
    shown = subprocess.run(
        [program("make", "make")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=5 * PATIENCE,
    )
    assert shown.stdout == f"/opt/wheels {tmp_path.as_uri()}\n"


def test_a_project_without_a_known_origin_names_no_package_of_an_index(monkeypatch):
    monkeypatch.setattr(new, "installable_origin", lambda **_: "")
    assert all(line.startswith("#") for line in new.origin_for_make("line").splitlines())


@pytest.mark.parametrize(
    ("version", "bounds"),
    [
        ("1.0.0", ">= 1.0, < 2"),
        ("1.4.2.post20261201080000+g81f2cc05", ">= 1.4, < 2"),
        ("1.1.0.dev20261122184500+g4a640fe4", ">= 1.1.dev0, < 2"),
        ("2.0.0rc1", ">= 2.0.dev0, < 3"),
    ],
)
def test_a_project_takes_the_versions_that_promise_what_its_own_has(version, bounds):
    assert new.version_bounds(version) == bounds
    assert SpecifierSet(bounds).contains(version)


@pytest.mark.parametrize("kind", ["line", "input"])
def test_the_package_of_a_project_has_bounds_for_logsrv(tmp_path, kind):
    assert logsrv("new", "shout", "--kind", kind, directory=tmp_path).returncode == 0
    config = configparser.ConfigParser()
    config.read(tmp_path / "shout" / "setup.cfg")
    name = "logsrv" if kind == "input" else "logsrv-kit"
    wanted = f"{name} {new.version_bounds(__version__)}"
    assert config["options"]["install_requires"].strip() == wanted


def clone_of_new_project(place: Path) -> Path:
    """Return a clone of a project: what CI and other people have of it."""
    assert logsrv("new", "shout", directory=place).returncode == 0
    author = ("-c", "user.name=a", "-c", "user.email=a@example.net")
    for words in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "first"]):
        run("git", *words, directory=place / "shout")
    run("git", "clone", "-q", "shout", "clone", directory=place)
    assert not (place / "clone" / "local.mk").exists()
    return place / "clone"


@pytest.mark.parametrize("given", [{}, {"LOGSRV": ""}])
def test_a_clone_says_that_it_has_to_be_told_of_logsrv_and_installs_nothing(tmp_path, given):
    """An empty variable is what its workflow has if nobody has set one in the repository."""
    clone = clone_of_new_project(tmp_path)
    environment = {key: text for key, text in os.environ.items() if key != "LOGSRV"} | given
    made = subprocess.run(
        [program("make", "make"), "test"],
        cwd=clone, env=environment, capture_output=True, text=True, timeout=SLOW,
    )  # fmt: skip
    assert made.returncode == 2
    assert "make: LOGSRV is not set. logsrv is on no package index yet" in made.stderr
    assert not (clone / ".venv").exists()


@pytest.mark.long
@pytest.mark.nightly
def test_a_clone_that_is_told_of_logsrv_passes_its_tests_with_it(tmp_path):
    make = (program("make", "make"), f"PYTHON={sys.executable}", f"LOGSRV={CHECKOUT}", "test")
    assert "4 passed" in run(*make, directory=clone_of_new_project(tmp_path))


@pytest.mark.long
@pytest.mark.nightly
def test_a_project_for_another_logsrv_is_refused_and_no_index_is_asked_for_one(tmp_path):
    clone = clone_of_new_project(tmp_path)
    setup = (clone / "setup.cfg").read_text()
    (clone / "setup.cfg").write_text(setup.replace(new.version_bounds(__version__), ">= 99"))
    made = subprocess.run(
        [program("make", "make"), f"PYTHON={sys.executable}", f"LOGSRV={CHECKOUT}", "test"],
        cwd=clone, capture_output=True, text=True, timeout=SLOW,
    )  # fmt: skip
    assert made.returncode == 2
    assert "conflicting dependencies" in made.stderr
    assert "the version is none\nthat setup.cfg asks for" in made.stderr


def test_the_workflow_of_a_project_names_its_actions_by_hash_and_takes_logsrv_from_a_variable(
    tmp_path,
):
    assert logsrv("new", "shout", directory=tmp_path).returncode == 0
    text = (tmp_path / "shout/.github/workflows/test.yml").read_text()
    actions = re.findall(r"uses: (\S+)@(\S+)(?: # v[\d.]+)?$", text, re.MULTILINE)
    assert [name for name, _ in actions] == ["actions/checkout", "actions/setup-python"]
    assert all(re.fullmatch("[0-9a-f]{40}", version) for _, version in actions)
    # The same as ours, so that it is raised with them.
    assert "@".join(actions[0]) in (CHECKOUT / ".github/workflows/ci.yml").read_text()
    assert "LOGSRV: ${{ vars.LOGSRV }}" in text


@pytest.mark.slow
def test_every_kind_of_project_passes_mypy_strict(tmp_path):
    """As it is written, its tests too, with the settings in its own file."""
    for kind in new.KINDS:
        name = f"my_{kind}"
        assert logsrv("new", name, "--kind", kind, directory=tmp_path).returncode == 0
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(tmp_path / name)
            out, errors, status = api.run(["--strict", "--cache-dir", str(TYPES)])
        assert (errors, status) == ("", 0), f"{kind}: {out}"
        files = len(list((tmp_path / name).rglob("*.py")))
        assert out == f"Success: no issues found in {files} source files\n"


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
        ("greet", "twistd has a plugin named greet already"),
        ("web", "twistd has a plugin named web already"),
    ],
)
def test_wrong_or_used_names_are_refused(tmp_path, name, said):
    assert said in refusal(name, directory=tmp_path)


@pytest.mark.parametrize("name", ["lines", "tcp", "haproxy"])
def test_names_that_listen_uses_are_refused_for_an_input(tmp_path, name):
    """`--listen NAME:…` means something else already."""
    said = refusal(name, "--kind", "input", directory=tmp_path)
    assert f"--listen {name}:… has a meaning already" in said


def test_the_name_of_a_format_over_http_is_refused_for_another(tmp_path):
    said = refusal("loki", "--kind", "http", directory=tmp_path)
    assert "the line logger has a format named loki already" in said


def test_an_existing_folder_is_not_overwritten(tmp_path):
    (tmp_path / "shout").mkdir()
    (tmp_path / "shout" / "mine").write_text("mine")
    assert "shout exists and is not empty" in refusal("shout", directory=tmp_path)
    (tmp_path / "file").write_text("mine")
    said = refusal("shout", "--directory", "file", directory=tmp_path)
    assert "file exists and is not a folder" in said


def test_an_unwritable_folder_is_reported(tmp_path):
    (tmp_path / "file").write_text("mine")
    said = refusal("shout", "--directory", "file/shout", directory=tmp_path)
    assert "Not a directory" in said


def run(*command: str, directory: Path) -> str:
    """What a command prints; without what would lead Python back to this checkout."""
    environment = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}
    # pip reads 0 as --no-compile: Python compiles the few modules that are imported.
    environment["PIP_NO_COMPILE"] = "0"
    done = subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=SLOW
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def line_project(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """A project of the kind `line`, in whose environment `make test` has run as a newcomer would."""
    place = tmp_path_factory.mktemp("projects")
    assert logsrv("new", "shout", directory=place).returncode == 0
    project = place / "shout"
    make = (program("make", "make"), f"PYTHON={sys.executable}", f"LOGSRV={wheel}", "test")
    assert "4 passed" in run(*make, directory=project)
    return project


# Each day tests/docs/test_tutorial.py makes, installs, tests and serves a project of the kind `line`.
@pytest.mark.long
@pytest.mark.nightly
@pytest.mark.parametrize("kind", [kind for kind in new.KINDS if kind != "line"])
def test_the_tests_of_a_new_project_pass(line_project, kind):
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
@pytest.mark.minutes(10)
def test_a_logsrv_that_cannot_be_installed_is_explained(tmp_path):
    """What to do is said; the next make tries again."""
    assert logsrv("new", "shout", directory=tmp_path).returncode == 0
    # Its environments have the pip of this one: installing another takes three seconds each time.
    python, packages = tmp_path / "python", Path(pip.__file__).parents[1]
    python.write_text(
        f'#!/bin/sh\n{sys.executable} "$@" --without-pip\n'
        f'echo {packages} >"$(echo .venv/lib/python*/site-packages)/pip.pth"\n'
    )
    python.chmod(0o755)
    command = [program("make", "make"), f"PYTHON={python}", "LOGSRV=./no.whl", "test"]
    for _ in range(2):
        made = subprocess.run(
            command, cwd=tmp_path / "shout", capture_output=True, text=True, timeout=5 * PATIENCE
        )
        assert made.returncode == 2
        assert "No module named pip" not in made.stderr
        assert "make: pip could not install logsrv from ./no.whl" in made.stderr
        assert "make LOGSRV=/path/to/a/wheel-or-checkout test" in made.stderr


@pytest.mark.long
@pytest.mark.nightly
def test_a_project_of_a_checkout_tests_and_runs(tmp_path):
    """`make test` and, over TLS, `make run`, as they are written: nothing to be told where logsrv is."""
    assert logsrv("new", "shout", "--tls", directory=tmp_path).returncode == 0
    project, output = tmp_path / "shout", tmp_path / "twistd.log"
    make = (program("make", "make"), f"PYTHON={sys.executable}")
    assert "4 passed" in run(*make, "test", directory=project)
    makefile = (project / "Makefile").read_text()
    makefile = re.sub("^LISTEN .*", "LISTEN = tcp:0:interface=127.0.0.1", makefile, flags=re.M)
    (project / "Makefile").write_text(makefile)
    with output.open("wb") as file:
        serving = subprocess.Popen(
            [*make, "run"], cwd=project, stdout=file, stderr=file, start_new_session=True
        )
    try:
        wait_until(lambda: "shout is ready" in output.read_text(), "make run")
        found = re.search(r"listening on \w+ 127.0.0.1:(\d+)", output.read_text())
        assert found
        client = logsrv(
            "connect", f"tls:localhost:{found[1]}:cafile=tls/cert.pem",
            directory=project, input=b"hello\n",
        )  # fmt: skip
        assert (client.stdout, client.returncode) == (b"HELLO!\r\n", 0)
    finally:
        os.killpg(serving.pid, signal.SIGINT)
        serving.wait(SLOW)


@pytest.mark.long
@pytest.mark.nightly
def test_a_new_project_is_listed_by_plugins(line_project, tmp_path):
    """`logsrv plugins` of that environment knows its package, version and port."""
    command = str(line_project / ".venv" / "bin" / "logsrv")
    rows = [line.split() for line in run(command, "plugins", directory=tmp_path).splitlines()]
    (row,) = [row for row in rows if row and row[0] == "shout"]
    assert row[1:4] == ["0.1.0", "tcp:7000", "shout"]


@pytest.mark.parametrize("kind", new.KINDS)
def test_description_and_port_stand_where_they_are_changed(tmp_path, kind):
    """The port once; the description once for twistd and once for the package."""
    assert logsrv("new", "shout", "--kind", kind, directory=tmp_path).returncode == 0
    texts = {
        str(path.relative_to(tmp_path / "shout")): path.read_text()
        for path in (tmp_path / "shout").rglob("*")
        if path.is_file()
    }
    described = [name for name, text in texts.items() if new.KINDS[kind].description in text]
    plugin = "twisted/plugins/shout_plugin.py"
    assert sorted(described) == (["setup.cfg"] if kind == "input" else ["setup.cfg", plugin])
    expected = ["Makefile"] if new.KINDS[kind].for_logger else [plugin]
    with_port = [name for name, text in texts.items() for _ in range(text.count("7000"))]
    assert with_port == ([] if kind == "job" else expected)


@pytest.mark.parametrize(
    ("kind", "listen", "client"),
    [
        ("line", "tcp:143", "logsrv connect localhost:143"),
        ("line", "tcp:1430:interface=127.0.0.1", "logsrv connect localhost:1430"),
        ("request", "tcp6:7001", "logsrv connect localhost:7001"),
        ("line", "unix:/run/shout.sock", "logsrv connect unix:/run/shout.sock"),
        ("frame", "haproxy:tcp:7002", None),
        ("datagram", "udp:3478", "nc -u 127.0.0.1 3478"),
        ("datagram", "udp:3478:interface=127.0.0.1", "nc -u 127.0.0.1 3478"),
        ("input", "udp:9000", "nc -u 127.0.0.1 9000"),
        ("input", "tcp:9000", "logsrv connect localhost:9000"),
        ("http", "tcp:9000", "curl http://localhost:9000/shout --data"),
        ("http", "unix:/run/in.sock", "curl --unix-socket /run/in.sock http://localhost/shout"),
    ],
)
def test_a_project_takes_the_given_description_and_place(tmp_path, kind, listen, client):
    said = 'An "own" server, 100 % \\ ready; it\'s mine: ä.'
    made = logsrv(
        *("new", "shout", "--kind", kind, "--listen", listen, "--description", said),
        directory=tmp_path,
    )
    assert made.returncode == 0, made.stderr
    config = configparser.RawConfigParser()
    config.read(tmp_path / "shout" / "setup.cfg")
    assert config["metadata"]["description"] == said
    plugin = (tmp_path / "shout" / "twisted/plugins/shout_plugin.py").read_text()
    if not new.KINDS[kind].for_logger:
        [call] = [node for node in ast.walk(ast.parse(plugin)) if isinstance(node, ast.Call)]
        given = {one.arg: one.value for one in call.keywords}
        written = [ast.literal_eval(given[name]) for name in ("description", "listen")]
        assert written == [said, listen]
    planned = planned_run(tmp_path / "shout")
    assert listen in planned
    assert client is None or client in planned


def planned_run(project: Path) -> str:
    """Return what `make run` would do."""
    make = [program("make", "make"), "--dry-run", "run", f"PYTHON={sys.executable}"]
    planned = subprocess.run(
        make, cwd=project, capture_output=True, text=True, check=True, timeout=5 * PATIENCE
    )
    return planned.stdout


@pytest.mark.parametrize(
    "given", ['("udp:5353", "tcp:5353"),', '(\n        "udp:5353",\n        "tcp:5353",\n    ),']
)
def test_make_run_names_all_places_of_a_plugin_that_listens_at_two(tmp_path, given):
    assert logsrv("new", "shout", directory=tmp_path).returncode == 0
    plugin = tmp_path / "shout/twisted/plugins/shout_plugin.py"
    plugin.write_text(plugin.read_text().replace('"tcp:7000",', given))
    said = "shout listens at udp:5353 tcp:5353; try: .venv/bin/logsrv connect localhost:5353"
    assert said in planned_run(tmp_path / "shout")
    assert logsrv("new", "hidden", "--tls", directory=tmp_path).returncode == 0
    plugin = tmp_path / "hidden/twisted/plugins/hidden_plugin.py"
    plugin.write_text(plugin.read_text().replace('"tcp:7000",', given))
    pair = "privateKey=tls/key.pem:certKey=tls/cert.pem"
    run = f"hidden --listen udp:5353 --listen ssl:5353:{pair}"
    assert run in planned_run(tmp_path / "hidden")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--listen", "tpc:7000"], "did you mean tcp?"),
        (["--listen", "7000"], "did you mean tcp:7000?"),
        (["--listen", "tcp:70000"], "ports go from 0"),
        (["--listen", ""], "empty"),
        (["--listen", "udp:7000"], "a line listens at a place such as tcp:7000"),
        (["--kind", "datagram", "--listen", "tcp:1"], "a datagram listens at a place such as udp"),
        (["--kind", "http", "--listen", "udp:1"], "a format over HTTP listens at a place such as"),
        (["--kind", "job", "--listen", "tcp:7000"], "a job listens nowhere"),
        (["--listen", "ssl:7000:privateKey=key.pem"], "take tcp: and --tls"),
        (["--tls", "--listen", "unix:/run/x"], "there is no TLS for unix:/run/x"),
        (["--description", ""], "is not one line of text"),
        (["--description", "two\nlines"], "is not one line of text"),
        (["--description", "\x1b[2J"], "is not one line of text"),
    ],
)
def test_a_wrong_place_or_description_is_refused_before_anything_is_written(
    tmp_path, arguments, sentence
):
    assert sentence in refusal("shout", *arguments, directory=tmp_path)
    assert not (tmp_path / "shout").exists()
