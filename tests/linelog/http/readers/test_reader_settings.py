"""The options of a table `[[reader]]`."""

import pytest

from logsrv.errors import ConfigurationError
from logsrv.linelog.http.readers.reader_settings import ONLY, READER_NAME, ReaderSettings


def test_names_may_be_addresses_of_mail():
    assert READER_NAME.parse("alice@example.org") == "alice@example.org"
    for text in ("", " ann", "a\nb", "x" * 101):
        with pytest.raises(ValueError, match="printable"):
            READER_NAME.parse(text)


def test_only_is_a_query_without_stages():
    assert ONLY.parse("app in (web, cart)") == "app in (web, cart)"
    for text in ("", "  ", "app=web | count", "(a", "()"):
        with pytest.raises(ValueError):
            ONLY.parse(text)


def test_rights_that_do_not_go_together_are_refused():
    with pytest.raises(ConfigurationError, match="lacks read"):
        ReaderSettings(name="ann", may=("save",))
    with pytest.raises(ConfigurationError, match="do not go together"):
        ReaderSettings(name="ann", may=("read", "alert"), only="app=web")


def test_a_condition_that_probably_means_something_else_gets_a_hint():
    """Such a reader would see nothing, and nobody would know why."""
    [hint] = ONLY.advise("app==shop")
    assert "app=shop" in hint
    assert not [*ONLY.advise("app=shop")]
