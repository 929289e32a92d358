"""A flood of events is a line in the log per subject and minute, and bounded memory."""

from twisted.internet.task import Clock

from logsrv.kit.observe.rate_limited_log import OTHERS, LoggedEvent, RateLimitedLog


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
