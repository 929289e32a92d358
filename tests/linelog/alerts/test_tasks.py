"""Which alert goes on where: by its query and its name. With a daemon around it: test_process.py."""

from __future__ import annotations

import pytest

from logsrv.linelog.alerts.alert_places import Key
from logsrv.linelog.alerts.tasks import paired

A, B = Key("command", None, "a"), Key("command", None, "b")
WEB = Key("command", "web", "a")


@pytest.mark.parametrize(
    ("wanted", "kept", "changed", "found"),
    [
        # Another order, and one that is new.
        ([B, Key("command", None, "c"), A], {"1": A, "2": B}, False, ["2", None, "1"]),
        # A name that is given, changed, taken away.
        ([WEB], {"1": A}, False, ["1"]),
        ([Key("command", "other", "a")], {"1": WEB}, False, ["1"]),
        # The same query twice, told apart by name.
        (
            [WEB, Key("command", "b", "a")],
            {"1": Key("command", "b", "a"), "2": WEB},
            False,
            ["2", "1"],
        ),
        ([A, A], {"1": A, "2": A}, False, ["1", "2"]),
        # Another way is another task.
        ([Key("webhook", None, "a")], {"1": A}, True, [None]),
        # Another query is another alert while the server runs; by its name it goes on at the next start.
        ([Key("command", "web", "z")], {"1": WEB}, False, [None]),
        ([Key("command", "web", "z")], {"1": WEB}, True, ["1"]),
        ([Key("command", None, "z")], {"1": A}, True, [None]),
    ],
)
def test_an_alert_keeps_its_place_by_its_query_or_its_name(
    wanted: list[Key], kept: dict[str, Key], changed: bool, found: list[str]
) -> None:
    assert paired(wanted, kept, changed=changed) == found
