"""A flood of events, or of errors in a plugin, is a line in the log per subject and minute."""

import asyncio
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from logsrv.kit.observe.rate_limited_log import (
    OTHERS,
    REMEMBERED_LOCATIONS,
    Failures,
    LoggedEvent,
    RateLimitedLog,
    asyncio_advice,
)


def test_a_subject_is_logged_once_a_minute_with_the_count():
    clock = Clock()
    limited_log = RateLimitedLog(clock.seconds)
    assert limited_log.count_event("10.0.0.1") == LoggedEvent("10.0.0.1", 1, first=True)
    assert [limited_log.count_event("10.0.0.1") for _ in range(5)] == [None] * 5
    assert limited_log.count_event("10.0.0.2") == LoggedEvent("10.0.0.2", 1, first=True)
    clock.advance(60)
    assert limited_log.count_event("10.0.0.1") == LoggedEvent("10.0.0.1", 6, first=False)
    assert limited_log.count_event("10.0.0.1") is None


def test_a_flood_of_many_subjects_is_logged_as_one_and_fills_no_memory():
    clock = Clock()
    limited_log = RateLimitedLog(clock.seconds, remembered=3)
    noted = [limited_log.count_event(f"10.0.0.{number}") for number in range(10)]
    assert [one.subject for one in noted if one] == ["10.0.0.0", "10.0.0.1", "10.0.0.2", OTHERS]
    assert noted[4:] == [None] * 6
    clock.advance(61)
    assert limited_log.count_event("10.0.0.77") == LoggedEvent("10.0.0.77", 1, first=True)


def test_a_sentence_is_logged_with_its_subject_and_the_count():
    clock, said = Clock(), list[str]()
    limited_log = RateLimitedLog(clock.seconds)

    def emit(format: str, /, **fields: object) -> None:
        said.append(format.format(**fields))

    def flood() -> None:
        limited_log.log_unless_recent(
            emit, "10.0.0.1", "{sentence}: {subject} ({number})", sentence="in"
        )

    for _ in range(3):
        flood()
    clock.advance(60)
    flood()
    assert said == ["in: 10.0.0.1 (1)", "in: 10.0.0.1 (3)"]


def test_only_a_later_sentence_says_how_many_came_since_the_last():
    clock, said = Clock(), list[str]()
    limited_log = RateLimitedLog(clock.seconds)
    for counted in ("refused", ""):
        for seconds in (0, 1, 60):
            clock.advance(seconds)
            limited_log.log_unless_recent(
                lambda format, **fields: said.append(format.format(**fields)),
                f"a {counted}", "no {subject}", counted=counted,
            )  # fmt: skip
    assert said == [
        "no a refused",
        "no a refused; 2 refused since this was last logged",
        "no a ",
        "no a ; 2 since this was last logged",
    ]


def fail(error: Exception) -> Failure:
    try:
        raise error
    except Exception:
        return Failure()


def events_of(act: Any) -> list[dict[str, Any]]:
    with capturedLogs() as events:
        act()
    return [event for event in events if event.get("plugin") == "shout"]


def test_a_failure_is_logged_with_traceback_then_once_a_minute_with_the_count():
    clock = Clock()
    failures = Failures("shout", clock.seconds)

    def act() -> None:
        for _ in range(100):
            failures.report_failure("line_received", "tcp:1", fail(ValueError("bad")))
        clock.advance(61)
        failures.report_failure("line_received", "tcp:1", fail(ValueError("bad")))

    first, second = events_of(act)
    assert first["log_failure"].check(ValueError)
    assert second["number"] == 100
    assert "log_failure" not in second


def test_a_failure_at_another_place_is_logged_too():
    failures = Failures("shout", Clock().seconds)

    def act() -> None:
        failures.report_failure("line_received", "tcp:1", fail(ValueError("bad")))
        failures.report_failure("line_received", "tcp:1", fail(KeyError("other kind")))

    assert len(events_of(act)) == 2


def test_the_number_of_remembered_places_is_bounded():
    """More places than are remembered are logged as one."""
    failures = Failures("shout", Clock().seconds)

    def act() -> None:
        for number in range(3 * REMEMBERED_LOCATIONS):
            failures.report_failure("x", "tcp:1", fail(type(f"E{number}", (Exception,), {})()))

    assert len(events_of(act)) == REMEMBERED_LOCATIONS + 1


def test_a_task_of_asyncio_that_awaits_the_kit_is_told_of_the_limits_of_time():
    """As asyncio.wait_for begins one around a read."""

    async def reads() -> None:
        await Deferred()

    with pytest.raises(RuntimeError) as raised:
        asyncio.run(reads())
    assert asyncio_advice(raised.value, "shout") == (
        "a task that asyncio itself begins cannot await this; a limit of time is timeout= of a read, or "
        "deadline"
    )


@pytest.mark.parametrize(
    ("command", "advice"),
    [
        (["/usr/bin/twistd", "-n", "shout"], "start it with twistd --reactor asyncio shout"),
        (["/usr/bin/twist", "shout"], "start it with twist --reactor asyncio shout"),
        (
            ["/lib/logsrv/cli/serving.py", "7", "/home/me/shout.py", "default"],
            "start it with logsrv run --reactor asyncio shout.py",
        ),
    ],
)
async def test_what_needs_asyncio_names_the_command_in_use(monkeypatch, command, advice):
    """Also for the waits of asyncio that find no loop in their own way, such as that of a queue."""
    monkeypatch.setattr("sys.argv", command)
    for wait in (asyncio.Queue().get, asyncio.Event().wait, lambda: asyncio.sleep(1)):
        with pytest.raises((RuntimeError, AttributeError)) as failed:
            await Deferred.fromCoroutine(wait())
        assert asyncio_advice(failed.value, "shout") == (
            f"it needs asyncio: {advice}; a limit of time is timeout= of a read, or deadline"
        )
