"""A table of states says which events each state expects."""

import pytest

from logsrv.state_table import UnexpectedEvent, state_table


def test_an_event_that_a_state_does_not_expect_is_an_error_with_both_names():
    table = state_table({"OPEN": {"look": "OPEN", "close": "CLOSED"}, "CLOSED": {}})
    assert (table["OPEN"]["look"], table["OPEN"]["close"]) == ("OPEN", "CLOSED")
    with pytest.raises(UnexpectedEvent, match=r"^`look` cannot happen in the state CLOSED$"):
        table["CLOSED"]["look"]


def test_a_table_in_which_an_event_leads_nowhere_is_refused():
    with pytest.raises(ValueError, match=r"^no row for CLOSED$"):
        state_table({"OPEN": {"close": "CLOSED"}})
