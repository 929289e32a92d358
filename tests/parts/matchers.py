"""What must hold of a matcher, by the lines for which its query is true."""

from collections.abc import Sequence

from logsrv.linelog.fields.record import Record
from logsrv.linelog.query.highlight import highlight_finder
from logsrv.linelog.query.literals import AllOf, Literal, Need
from logsrv.linelog.query.many import trigger_choices
from logsrv.linelog.query.match import Matcher


def check_matcher(
    matcher: Matcher, query: str, text: bytes, wanted: Sequence[tuple[int, int]]
) -> None:
    """Every way finds these lines, all that the query needs is in them, and marks are in order."""
    for many in (False, True):
        assert list(matcher.find(text)) == wanted, query
        assert matcher.count(text) == len(wanted), query
        if not many:
            matcher.prepare_for_many()
    spans = highlight_finder(matcher.node)
    choices = trigger_choices(matcher.node)
    for start, end in wanted:
        line, message = text[start:end], Record(text[start:end]).body
        assert matcher.matches(line), query
        assert matcher.needs is None or stands_in(matcher.needs, line), query
        for triggers in choices:
            assert any(
                stands_in(one.literal, line if one.anywhere else message) for one in triggers
            ), query
        places = [place for span in spans(message) for place in span]
        assert places == sorted(set(places)) and all(0 <= one <= len(message) for one in places), (
            query
        )


def stands_in(need: Need, line: bytes) -> bool:
    """Whether what `need` promises is in `line`."""
    if isinstance(need, Literal):
        return need.text in (line.lower() if need.ignore_case else line)
    parts = (stands_in(part, line) for part in need.parts)
    return all(parts) if isinstance(need, AllOf) else any(parts)
