"""The line on a terminal that says how far it has come."""

from logsrv.cli.progress import CareProgress
from tests.parts.terminals import Terminal


def test_the_progress_names_the_part_and_is_removed(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("logsrv.cli.progress._EVERY", -1.0)
    progress = CareProgress()
    progress.show_part(3, "segment 7", of=9)
    assert "\r3 of 9: segment 7" in screen.getvalue()
    progress.close()
    assert screen.getvalue().endswith("\r\x1b[K")


def test_without_a_terminal_there_is_no_progress(capfd):
    progress = CareProgress()
    progress.show_part(1, "segment 1")
    progress.close()
    assert capfd.readouterr().err == ""
