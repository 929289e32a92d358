"""Modules beside the author's file: found by him under their names, and by nobody else as another's."""

import linecache
import queue
import subprocess
import sys
import traceback
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from logsrv.cli.running.author import SUFFIX, AuthorFolder


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[AuthorFolder]:
    path, modules, finders = list(sys.path), dict(sys.modules), list(sys.meta_path)
    made = AuthorFolder(tmp_path)
    made.install()
    yield made
    sys.path[:], sys.meta_path[:] = path, finders
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]


def load(folder: AuthorFolder, path: Path, code: str) -> ModuleType:
    (path / "main.py").write_text(code)
    return folder.load("main", path / "main.py")


def test_a_neighbour_is_imported_by_its_name(folder, tmp_path):
    """By others too, as for a name of a class in text."""
    (tmp_path / "voice.py").write_text("loud = True\n")
    main = load(folder, tmp_path, "import voice\n")
    assert main.voice is sys.modules["voice"] is import_module("voice")


def test_a_shared_name_is_the_authors_in_the_authors_files_only(folder, tmp_path):
    (tmp_path / "queue.py").write_text("mine = 1\n")
    (tmp_path / "voice.py").write_text("import queue\n")
    main = load(folder, tmp_path, "import queue, voice\nfrom queue import mine\n")
    assert main.queue is main.voice.queue is sys.modules["queue" + SUFFIX]
    assert main.mine == 1
    assert sys.modules["queue"] is import_module("queue") is queue


def test_a_module_may_extend_the_one_of_its_name(folder, tmp_path):
    (tmp_path / "queue.py").write_text("from queue import *\nfrom queue import Empty\nmine = 1\n")
    main = load(folder, tmp_path, "import queue\n")
    assert (main.queue.Empty, main.queue.mine) == (queue.Empty, 1)


def test_packages_of_the_author_may_share_names_too(folder, tmp_path):
    for name in ("json", "parts"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("from . import inner\n")
        (tmp_path / name / "inner.py").write_text("import json\nmine = json.__name__\n")
    main = load(folder, tmp_path, "import json.inner\nimport parts.inner\nfrom json import inner\n")
    assert main.json.inner is main.inner
    assert main.parts.inner.mine == "json" + SUFFIX
    # A module of it that asks for `json` asks for the other, as the package itself would.
    assert main.inner.mine == "json"


def test_the_name_may_be_that_of_an_installed_package(folder, tmp_path):
    (tmp_path / "attr.py").write_text("mine = 1\n")
    main = load(folder, tmp_path, "import attr, logsrv.kit\n")
    assert main.attr.mine == 1
    assert hasattr(import_module("attr"), "evolve")


def test_what_it_is_made_with_is_always_that_of_the_server(folder, tmp_path):
    """Beside a checkout as well, whose classes would be others."""
    (tmp_path / "logsrv").mkdir()
    (tmp_path / "logsrv" / "__init__.py").write_text("")
    main = load(folder, tmp_path, "from logsrv import kit\n")
    assert main.kit is import_module("logsrv.kit")


def test_a_folder_that_is_no_package_hides_nothing(folder, tmp_path):
    (tmp_path / "queue").mkdir()
    assert load(folder, tmp_path, "import queue\n").queue is queue


def test_an_environment_in_the_folder_is_not_the_authors(folder, tmp_path, monkeypatch):
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "queue.py").write_text("mine = 1\n")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "env"))
    assert folder.find_spec("queue", [str(tmp_path / "env")]) is None


def test_a_traceback_has_the_text_that_ran(folder, tmp_path):
    main = load(folder, tmp_path, "def fail():\n    1 / 0  # what ran\n")
    (tmp_path / "main.py").write_text("# saved since, and longer than before\n" * 3)
    try:
        main.fail()
    except ZeroDivisionError:
        assert "# what ran" in traceback.format_exc()
    linecache.checkcache()
    assert "what ran" in linecache.getline(str(tmp_path / "main.py"), 2)


def test_an_exception_of_the_file_is_passed_on(folder, tmp_path):
    with pytest.raises(ModuleNotFoundError, match="No module named 'nothing_of_that_name'"):
        load(folder, tmp_path, "import nothing_of_that_name\n")
    with pytest.raises(SyntaxError):
        load(folder, tmp_path, "x = (\n")
    (tmp_path / "main.py").write_bytes(b"\xff")
    with pytest.raises(SyntaxError):
        folder.load("main", tmp_path / "main.py")


@pytest.mark.slow
def test_every_module_of_the_standard_library_may_be_shared(tmp_path):
    """All at once, in a process of its own."""
    for name in sys.stdlib_module_names:
        (tmp_path / f"{name}.py").write_text(f"mine = {name!r}\n")
    (tmp_path / "shout.py").write_text(
        "from logsrv.kit import LineProtocol\n"
        "import json, types, logging, asyncio\n"
        "assert (json.mine, types.mine, asyncio.mine) == ('json', 'types', 'asyncio')\n"
        "class Shout(LineProtocol): pass\n"
    )
    code = (
        "from pathlib import Path; from logsrv.cli.running.plugin_file import load, plugin_in\n"
        "path = Path('shout.py').resolve(); plugin = plugin_in(load(path), path)\n"
        "plugin.options(); import json, logsrv.linelog.plugin.service; json.loads('{}')\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"")
