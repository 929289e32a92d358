"""The order of the tests: the longest begin first, so that no worker has to wait for them at the end."""

from collections.abc import Iterator, Sequence

DEBIAN = "tests/debian/"
PAGES = "tests/linelog/http/page/test_"
END_TO_END = "tests/end_to_end/test_"
# With --files-together: the scopes that take longest, the longest first. Behind them come those of most
# tests, and a file of one test that installs things would be the last.
LONGEST = (
    DEBIAN,
    "tests/docs/test_tutorial.py",
    "tests/powercut/test_states.py",
    f"{END_TO_END}page_of_records.py",
    f"{END_TO_END}comings_and_goings.py",
    f"{END_TO_END}live_page.py",
    f"{END_TO_END}alerts_survive.py",
    f"{END_TO_END}columns.py",
    f"{END_TO_END}alert_conditions.py",
    "tests/docs/test_first_hour.py",
    "tests/cli/test_run.py",
    "tests/kit/servers/test_servers.py",
    f"{END_TO_END}http_live.py",
    f"{END_TO_END}ten_questions.py",
    f"{END_TO_END}nats_lies.py",
    *(f"{END_TO_END}{name}.py" for name in ("ship", "service_manager", "ship_gaps", "alerts")),
    *(
        f"{PAGES}{name}.py"
        for name in ("browser", "accessibility", "browser_past", "scope", "looks")
    ),
    "tests/powercut/test_blocks.py",
    "tests/powercut/test_shipping.py",
    "tests/docs/test_shipping.py",
    "tests/release/test_archives.py",
    "tests/kit/children/test_fork_side.py",
    *(
        f"tests/linelog/{name}_command.py"
        for name in ("doctor/test_doctor", "importing/test_import")
    ),
    "tests/cli/test_check.py",
    "tests/docs/test_alerts.py",
    *(f"{END_TO_END}{name}.py" for name in ("care", "lake", "holes", "nats_full", "centres")),
    *(f"{END_TO_END}{name}.py" for name in ("nats_emptied", "broken_peers", "archive")),
)
# Without: the quick tests above three seconds in CI, from its lists of the slowest.
SLOWEST = (
    "tests/linelog/questions/test_any_question.py",
    "tests/linelog/erase/test_away_lines.py::test_an_erase_in_a_bucket_that_is_interrupted",
    "tests/linelog/formats/nats/test_lies.py::test_a_refusal_that_comes_back_after_a_block",
    "tests/linelog/read/test_restrict.py::test_no_answer_tells_of_hidden_lines",
    "tests/linelog/columns/test_choice.py::test_a_field_is_known_in_all_frames_or_left_out",
    "tests/gopher/mirror/test_update.py::test_an_update_that_got_nothing_changes_nothing_and_goes_on",
    f"{END_TO_END}own_target.py",
    f"{END_TO_END}nats.py::test_what_an_edge_has_is_in_the_centre_byte_by_byte",
    f"{END_TO_END}faults.py::test_stopping_on_a_full_disk",
)


def scope_of(test: str) -> str:
    """Return the scope of a test: its file, or the folder whose tests share a package."""
    file = test.partition("::")[0]
    return DEBIAN if file.startswith(DEBIAN) else file


def files_together(tests: Sequence[str]) -> list[list[int]]:
    """Return the numbers of the tests of each scope, the longest scopes first."""
    scopes: dict[str, list[int]] = {}
    for number, test in enumerate(tests):
        scopes.setdefault(scope_of(test), []).append(number)
    places = {scope: place for place, scope in enumerate(LONGEST)}
    order = sorted(scopes, key=lambda scope: (places.get(scope, len(places)), -len(scopes[scope])))
    return [scopes[scope] for scope in order]


def pieces(tests: Sequence[str], workers: int) -> Iterator[list[int]]:
    """Yield the numbers of tests that one worker runs together: the slowest alone, first; of the others an
    ever smaller part, so that all workers end at the same time.
    """
    slow = [number for number, test in enumerate(tests) if test.startswith(SLOWEST)]
    yield from ([number] for number in slow)
    begun = set(slow)
    others = [number for number in range(len(tests)) if number not in begun]
    while others:
        size = max(1, len(others) // (8 * workers))
        yield others[:size]
        del others[:size]
