"""Which alert goes on where: by its query and its name. With a daemon around it: test_process.py."""

import pytest

from logsrv.linelog.alerts.alert_places import TaskKey
from logsrv.linelog.alerts.tasks import saved_names_for

A, B = TaskKey("command", None, "a"), TaskKey("command", None, "b")
WEB = TaskKey("command", "web", "a")


@pytest.mark.parametrize(
    ("wanted", "kept", "changed", "found"),
    [
        # Another order, and one that is new.
        ([B, TaskKey("command", None, "c"), A], {"1": A, "2": B}, False, ["2", None, "1"]),
        # A name that is given, changed, taken away.
        ([WEB], {"1": A}, False, ["1"]),
        ([TaskKey("command", "other", "a")], {"1": WEB}, False, ["1"]),
        # The same query twice, told apart by name.
        (
            [WEB, TaskKey("command", "b", "a")],
            {"1": TaskKey("command", "b", "a"), "2": WEB},
            False,
            ["2", "1"],
        ),
        ([A, A], {"1": A, "2": A}, False, ["1", "2"]),
        # Another way is another task.
        ([TaskKey("webhook", None, "a")], {"1": A}, True, [None]),
        # Another query is another alert while the server runs; by its name it goes on at the next start.
        ([TaskKey("command", "web", "z")], {"1": WEB}, False, [None]),
        ([TaskKey("command", "web", "z")], {"1": WEB}, True, ["1"]),
        ([TaskKey("command", None, "z")], {"1": A}, True, [None]),
    ],
)
def test_an_alert_keeps_its_place_by_its_query_or_its_name(wanted, kept, changed, found):
    assert saved_names_for(wanted, kept, changed=tuple(kept) if changed else ()) == found
