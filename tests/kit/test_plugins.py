"""Finding of plugins, and of objects that they name; a failure is a sentence with the place."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.plugins import Plugins, broken_plugins, import_plugin_files, load_object
from logsrv.kit.testing.patience import PATIENCE
from logsrv.plugin_folders import refused
from twisted import plugins


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [*sys.modules]:
        if name.startswith(("authors", "others", "twisted.plugins.a_")):
            monkeypatch.delitem(sys.modules, name)
    folder = tmp_path / "authors"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    return folder


def test_a_named_object_is_loaded(package):
    (package / "code.py").write_text("class Shout: pass\n")
    assert load_object("authors.code:Shout").__name__ == "Shout"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import nothing_there\n", "ModuleNotFoundError: No module named 'nothing_there' (CODE:1)"),
        ("x = 1\n1 / 0\n", "ZeroDivisionError: division by zero (CODE:2)"),
        ("\nx = (\n", "SyntaxError: '(' was never closed (code.py, line 2) (CODE:2)"),
        ("import sys\nsys.exit()\n", "SystemExit (CODE:2)"),
        ("raise ValueError('a\\n\\x1b[2J')\n", r"ValueError: a\x0a\x1b[2J (CODE:1)"),
    ],
)
def test_a_module_that_cannot_be_imported(package, code, said):
    (package / "code.py").write_text(code)
    with pytest.raises(ConfigurationError) as caught:
        load_object("authors.code:Shout")
    said = said.replace("CODE", str(package / "code.py"))
    assert str(caught.value) == f"authors.code cannot be imported: {said}"


def test_a_refused_class_is_named_by_the_line_of_its_author(package):
    (package / "code.py").write_text(
        "from logsrv.kit import FrameProtocol\n\nclass Shout(FrameProtocol):\n    framing = dict\n"
    )
    with pytest.raises(ConfigurationError, match=r"Shout\.framing: .*/authors/code\.py:3\)$"):
        load_object("authors.code:Shout")


def test_a_missing_module_or_object_is_one_sentence(package):
    with pytest.raises(ConfigurationError) as caught:
        load_object("authors.code:Shout")
    assert str(caught.value) == (
        "authors.code cannot be imported: ModuleNotFoundError: No module named 'authors.code'"
    )
    with pytest.raises(ConfigurationError, match=r"there is no authors:Shout \(in .*init__.py\)"):
        load_object("authors:Shout")
    with pytest.raises(
        ConfigurationError, match=r"'authors' is not a name such as package.module:Name"
    ):
        load_object("authors")


def test_plugin_files_are_modules_or_reasons(tmp_path, monkeypatch):
    """A warning is no reason; a folder that is left out is one."""
    monkeypatch.setattr(plugins, "__path__", [*plugins.__path__, str(tmp_path)])
    monkeypatch.setitem(refused, "/elsewhere", "others may change it")
    sound, wrong = tmp_path / "sound_one.py", tmp_path / "wrong_one.py"
    sound.write_text("import warnings\nwarnings.warn('old')\nmade = 1\n")
    wrong.write_text("\nraise SystemExit(3)\n")
    loaded = dict(import_plugin_files())[str(sound)]
    assert not isinstance(loaded, str) and loaded.made == 1
    monkeypatch.delitem(sys.modules, "twisted.plugins.sound_one")
    assert broken_plugins() == {
        "/elsewhere": "others may change it",
        str(wrong): f"SystemExit: 3 ({wrong}:2)",
    }


DECLARED = "from types import SimpleNamespace\nmade = SimpleNamespace(name={!r}, word={!r})\n"


@pytest.fixture
def colours(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Plugins[SimpleNamespace]:
    """Plugins of ours, red (a folder), blue and import; those of others in `strangers`."""
    (package / "red").mkdir()
    (package / "red" / "__init__.py").write_text(DECLARED.format("red", "ours"))
    (package / "blue.py").write_text(DECLARED.format("blue", "ours"))
    (package / "import_.py").write_text(DECLARED.format("import", "ours"))
    (package / "tools.py").write_text("made = 1\n")
    (tmp_path / "strangers").mkdir()
    monkeypatch.setattr(plugins, "__path__", [*plugins.__path__, str(tmp_path / "strangers")])
    return Plugins("authors", lambda value: isinstance(value, SimpleNamespace))


def stranger(tmp_path: Path, name: str) -> None:
    file = tmp_path / "strangers" / f"a_stranger_of_{name}.py"
    file.write_text(DECLARED.format(name, "stranger"))


def words(found: dict[str, SimpleNamespace]) -> dict[str, str]:
    return {name: plugin.word for name, plugin in found.items()}


def test_plugins_of_ours_are_found_without_a_list_and_imported_one_by_one(colours, tmp_path):
    (tmp_path / "outside.py").write_text("made = 1\n")
    found = colours.find("red")
    assert found is not None and found.word == "ours"
    assert "authors.red" in sys.modules and "authors.blue" not in sys.modules
    assert words(colours.ours()) == {"blue": "ours", "import": "ours", "red": "ours"}
    assert colours.find("tools") is None and colours.find(f"x.{tmp_path}/outside") is None


def test_plugins_of_ours_beside_the_package_are_found_if_they_are_there(colours, package, tmp_path):
    for place in (tmp_path / "others", tmp_path / "others" / "green"):
        place.mkdir()
        (place / "__init__.py").write_text("")
    declaring = tmp_path / "others" / "green" / "__init__.py"
    declaring.write_text(DECLARED.format("leaf", "ours"))
    found: Plugins[Any] = Plugins(
        colours.package, colours.accepts, beside=("others.green", "others.taken_away")
    )
    assert words(found.ours()) == {**words(colours.ours()), "leaf": "ours"}
    assert found.find("leaf") is not None and found.find("taken_away") is None
    assert found.files()["green"] == str(declaring)
    declaring.write_text("1 / 0\n")
    del sys.modules["others.green"]
    assert list(found.broken()) == [str(declaring)]


def test_a_stranger_is_found_and_cannot_take_a_name_of_ours(colours, tmp_path):
    for name in ("red", "import", "green"):
        stranger(tmp_path, name)
    assert words(colours.all())["green"] == "stranger"
    assert words(colours.all())["red"] == words(colours.all())["import"] == "ours"
    for name, word in {"green": "stranger", "red": "ours", "import": "ours"}.items():
        found = colours.find(name)
        assert found is not None and found.word == word


def test_a_module_of_ours_without_a_plugin_takes_no_name(colours, tmp_path):
    stranger(tmp_path, "tools")
    found = colours.find("tools")
    assert found is not None and found.word == "stranger"


def test_only_files_with_the_word_of_a_kind_are_imported(colours, tmp_path):
    stranger(tmp_path, "green")
    (tmp_path / "strangers" / "a_wrong_one.py").write_text("1 / 0\n")
    with_word: Plugins[Any] = Plugins(colours.package, colours.accepts, word="'green'")
    assert words(with_word.all())["green"] == "stranger"
    assert with_word.broken() == {}
    assert list(colours.broken()) == [f"{tmp_path}/strangers/a_wrong_one.py"]


def test_a_file_that_cannot_be_imported_costs_only_what_it_declares(
    colours, package, tmp_path, capsys
):
    """Its name stays ours."""
    stranger(tmp_path, "blue")
    stranger(tmp_path, "green")
    wrong = tmp_path / "strangers" / "a_wrong_one.py"
    wrong.write_text("1 / 0\n")
    (package / "blue.py").write_text("\nimport nothing_there\n")
    why = f"ModuleNotFoundError: No module named 'nothing_there' ({package}/blue.py:2)"
    with pytest.raises(ConfigurationError) as caught:
        colours.find("blue")
    assert str(caught.value) == f"{package}/blue.py cannot be imported: {why}"
    assert words(colours.all()) == {"import": "ours", "red": "ours", "green": "stranger"}
    assert colours.broken() == {
        f"{package}/blue.py": why,
        str(wrong): f"ZeroDivisionError: division by zero ({wrong}:1)",
    }
    assert capsys.readouterr() == ("", "")


def test_a_plugin_of_ours_is_found_without_twisted(package):
    (package / "blue.py").write_text(DECLARED.format("blue", "ours"))
    code = (
        "import sys; from logsrv.kit.plugins import Plugins; "
        "print(Plugins('authors', lambda value: hasattr(value, 'word')).find('blue').word, "
        "[name for name in ('twisted', 'zope', 'attrs') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=package.parent, timeout=PATIENCE
    )
    assert done.stdout == "ours []\n", done.stderr
