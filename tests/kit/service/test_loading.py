"""Why the code of a plugin cannot be had, in a sentence with the place."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.service.loading import load_object


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("authors", "authors.code"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    folder = tmp_path / "authors"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    return folder


def test_what_is_named(package: Path) -> None:
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
def test_a_module_that_cannot_be_imported(package: Path, code: str, said: str) -> None:
    (package / "code.py").write_text(code)
    with pytest.raises(ConfigurationError) as caught:
        load_object("authors.code:Shout")
    said = said.replace("CODE", str(package / "code.py"))
    assert str(caught.value) == f"authors.code cannot be imported: {said}"


def test_what_is_not_there(package: Path) -> None:
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
