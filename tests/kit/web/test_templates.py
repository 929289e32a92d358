"""What is put into a page is text, whatever it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from logsrv.kit.web.templates import template_environment


def test_values_are_escaped_and_have_to_be_there(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("  {% if true %}\n<p>{{ said }}</p>\n  {% endif %}\n")
    page = template_environment(tmp_path).get_template("page.html")
    assert page.render(said="<b>") == "<p>&lt;b&gt;</p>\n"
    with pytest.raises(UndefinedError, match="said"):
        page.render()


def test_text_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "file.py").write_text("print('{{ said }}')\n")
    file = template_environment(tmp_path, html=False).get_template("file.py")
    assert file.render(said="<b>") == "print('<b>')\n"
