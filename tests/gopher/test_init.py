"""`from logsrv.gopher import …` works for every name it promises, and only then loads it."""

import subprocess
import sys

import pytest

import logsrv.gopher


def test_every_promised_name_is_there():
    for name in dir(logsrv.gopher):
        assert getattr(logsrv.gopher, name).__name__ == name
        assert name in logsrv.gopher.__all__  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        logsrv.gopher.nothing  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    "first", ["import logsrv.gopher.fetch.urllib_handler", "import logsrv.gopher.wire.text"]
)
def test_no_name_is_hidden_by_a_module_of_the_same_name(first):
    program = f"{first}\nimport logsrv.gopher as g\nassert callable(g.urlopen)"
    subprocess.run([sys.executable, "-c", program], check=True)
