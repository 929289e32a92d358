"""A trouble that lasts is logged when it starts, when its reason changes, and when it is over."""

from typing import Any

from logsrv.linelog.store.fault_state import FaultState
from tests.parts.clocks import HandClock


def test_an_attempt_gives_what_the_step_does_and_is_counted():
    said: list[str] = []
    trouble = FaultState(
        lambda _, text, **fields: said.append(text.format(**fields)),
        "{why}",
        "over",
        seconds=HandClock().monotonic,
    )
    assert trouble.attempt(int, "7") == 7
    assert trouble.attempt(int, "x", given_up=ValueError) is None
    assert said == [] and trouble.why is None
    for _ in range(2):
        assert trouble.attempt(int, "x") is None
    assert trouble.attempt(int, "x", given_up=ValueError) is None
    assert trouble.why is not None and trouble.why.startswith("ValueError: invalid literal")
    assert trouble.attempt(int, "8") == 8
    assert said[1:] == ["over"] and (trouble.errors, trouble.successes) == (2, 2)


def test_each_change_of_a_fault_is_logged_once():
    said: list[str] = []

    def tell(log: Any, text: str, **fields: object) -> None:
        said.append(f"{log.__name__}: {text.format(**fields)}")

    trouble = FaultState(
        tell,
        "{what} fails: {why}",
        "{what} works again{how}",
        seconds=HandClock().monotonic,
        what="writing",
    )
    trouble.record_success(how="")
    for why in ("full", "full", "broken"):
        trouble.record_failure(why)
        assert trouble.why == why
    for _ in range(2):
        trouble.record_success(how=" at last")
    trouble.record_failure("broken")
    assert said == [
        "error: writing fails: full",
        "error: writing fails: broken",
        "info: writing works again at last",
        "error: writing fails: broken",
    ]


def test_a_fault_that_comes_and_goes_does_not_flood_the_log():
    """A disk that failed every other sync was two lines for each, a hundred times a second."""
    said: list[str] = []
    now = [0.0]
    trouble = FaultState(
        lambda _, text, **fields: said.append(text.format(**fields)),
        "{why}",
        "over",
        seconds=lambda: now[0],
    )
    for _ in range(1000):
        trouble.record_failure("broken")
        trouble.record_success()
    assert said == ["broken", "over"] * 5
    trouble.record_failure("broken")
    now[0] = 60.0
    trouble.record_failure("broken")
    assert said[10:] == ["broken; 996 times since this was last said"], "it lasts, and is said"
    trouble.record_failure("broken")
    trouble.record_success()
    assert said[11:] == ["over"]
