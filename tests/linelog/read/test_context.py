"""Groups of neighbours are those that looking at every line would give."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.read import stored_lines as stored_lines
from logsrv.linelog.read.stored_lines import LineContext, StoredLines, group_with_context
from logsrv.linelog.store.segments.segment import Position
from tests.parts.examples import more
from tests.parts.stores import line, make_store, view_of

COUNT = 60


def expected(hits: list[int], around: LineContext, reverse: bool) -> list[list[tuple[int, bool]]]:
    shown = sorted(
        {
            number
            for hit in hits
            for number in range(hit - around.before, hit + around.after + 1)
            if 0 <= number < COUNT
        }
    )
    groups: list[list[tuple[int, bool]]] = []
    for number in shown:
        if not groups or groups[-1][-1][0] != number - 1:
            groups.append([])
        groups[-1].append((number, number not in hits))
    return groups[::-1] if reverse else groups


@pytest.mark.parametrize("largest", [10_000, 5])
def test_groups_are_as_expected(tmp_path, monkeypatch, largest):
    monkeypatch.setattr(stored_lines, "LARGEST", largest)
    every = [line(f"{number}", number) for number in range(COUNT)]
    store = make_store(tmp_path / "logs", [every[:20], every[20:35], every[35:]])
    view = view_of(store)
    lines = list(StoredLines(view).lines_from(Position(0, 0)))
    number_of = {hit.position: number for number, hit in enumerate(lines)}

    @more(1.5)
    @given(st.sets(st.integers(0, COUNT - 1)), st.integers(0, 4), st.integers(0, 4), st.booleans())
    def check(chosen: set[int], before: int, after: int, reverse: bool) -> None:
        around = LineContext(before, after)
        hits = [lines[number] for number in sorted(chosen, reverse=reverse)]
        found = [
            (
                [(number_of[hit.position], is_context) for hit, is_context in group.lines],
                group.goes_on,
            )
            for group in group_with_context(view, iter(hits), around, reverse=reverse)
        ]
        wanted = expected(sorted(chosen), around, reverse)
        if largest > COUNT:
            assert found == [(group, False) for group in wanted]
        else:
            # In parts: each line once all the same.
            shown = sorted(one for group, _ in found for one in group)
            assert shown == sorted(one for group in wanted for one in group)

    check()
