"""A plugin file that cannot be loaded."""

from pathlib import Path

import pytest

from twisted import plugins


@pytest.fixture
def broken_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file; what it was to be is not known."""
    file = tmp_path / "twisted/plugins/wrong_records.py"
    file.parent.mkdir(parents=True)
    file.write_text("import nothing_there\n")
    monkeypatch.setattr(plugins, "__path__", [*plugins.__path__, str(file.parent)])
    return file
