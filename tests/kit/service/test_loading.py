"""Why the code of a plugin cannot be had, in a sentence with the place."""

import sys
from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.service.loading import broken_plugins, import_plugin_files, load_object
from logsrv.plugin_folders import refused
from twisted import plugins


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("authors", "authors.code"):
        monkeypatch.delitem(sys.modules, name, raising=False)
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
        ConfigurationError, match=r"'authors' is no name such as package.module:Name"
    ):
        load_object("authors")


def test_plugin_files_are_modules_or_reasons(tmp_path, monkeypatch):
    """A warning is no reason; a folder that is left out is one."""
    monkeypatch.setattr(plugins, "__path__", [*plugins.__path__, str(tmp_path)])
    monkeypatch.setitem(refused, "/elsewhere", "others may change it")
    sound, wrong = tmp_path / "sound_one.py", tmp_path / "wrong_one.py"
    sound.write_text("import warnings\nwarnings.warn('old')\nmade = 1\n")
    wrong.write_text("\nraise SystemExit(3)\n")
    assert dict(import_plugin_files())[str(sound)].made == 1
    monkeypatch.delitem(sys.modules, "twisted.plugins.sound_one")
    assert broken_plugins() == {
        "/elsewhere": "others may change it",
        str(wrong): f"SystemExit: 3 ({wrong}:2)",
    }
