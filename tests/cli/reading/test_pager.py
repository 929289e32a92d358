"""The pager that long output goes through."""

from __future__ import annotations

import pytest

from logsrv.cli.reading.pager import pager_command, start_pager


@pytest.mark.parametrize(
    ("variables", "command"),
    [
        ({"LOGSRV_PAGER": "sed 's/a b/c/'", "PAGER": "cat"}, ["sed", "s/a b/c/"]),
        ({"PAGER": "sed -n p"}, ["sed", "-n", "p"]),
        ({"LOGSRV_PAGER": ""}, []),
        ({"LOGSRV_PAGER": "cat"}, []),
        ({"LOGSRV_PAGER": "no-such-pager"}, []),
        ({"LOGSRV_PAGER": "less 'unclosed"}, []),
    ],
)
def test_the_variables_name_it(
    variables: dict[str, str], command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LOGSRV_PAGER", "PAGER"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert pager_command() == command


def test_less_is_told_to_show_colours_unless_the_user_says_how(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for said, shown in (("FRX", "FRX\n"), ("S", "S\n")):
        if said == "S":
            monkeypatch.setenv("LESS", said)
        else:
            monkeypatch.delenv("LESS", raising=False)
        child = start_pager(["sh", "-c", "echo $LESS"])
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(30) == 0
        assert capfd.readouterr().out == shown
