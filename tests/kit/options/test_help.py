"""The help for a terminal."""

from logsrv.kit.options.help import help_groups, help_text
from tests.kit.options.example_settings import ListenerOptions


def test_the_help_fits_the_terminal_and_marks_what_is_required():
    for width in (40, 60, 200):
        text = help_text(help_groups(ListenerOptions), ["listen"], "demo", "Words. " * 30, width)
        assert max(map(len, text.splitlines())) <= width
    assert "  LISTEN                      where to listen (required)\n" in text
    assert "DEMO_..." in text
    assert "Words. Words." in text


def test_the_help_has_groups_or_only_essential_options():
    """With essentials, only those are shown, and where the others are."""
    text = help_text(help_groups(ListenerOptions), [], "demo", "", 80, ("max_line",))
    assert "--max-line" in text and "--max-connections" not in text
    assert "These are 1 of 7 options; --help-all shows all." in " ".join(text.split())
    whole = help_text(help_groups(ListenerOptions), [], "demo", "", 80)
    assert "Example:\n\n  twistd -n demo --listen ENDPOINT\n" in whole
    assert "\nWho may come:\n" in whole and "--help-all" in whole


def test_numbers_say_their_bounds_where_they_differ():
    text = help_text(help_groups(ListenerOptions), [], "demo", "", 120)
    assert "connections at a time (a whole number, 1 or more; default: off)" in text
    assert "\n  NUMBER" not in text
