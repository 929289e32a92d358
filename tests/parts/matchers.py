"""What must hold of a matcher, by the lines for which its query is true."""

from collections.abc import Sequence

from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, FirstLines
from logsrv.linelog.query.many import trigger_choices
from logsrv.linelog.query.match import Matcher
from logsrv.linelog.query.text_search.highlight import highlight_finder
from logsrv.linelog.query.text_search.literals import AllOf, Inherited, Literal, Need


def check_matcher(
    matcher: Matcher,
    query: str,
    text: bytes,
    wanted: Sequence[tuple[int, int]],
    first_lines: FirstLines = NO_FIRST_LINES,
) -> None:
    """Every way finds these lines, all that the query needs is in them, and marks are in order."""
    for many in (False, True):
        assert list(matcher.find(text, None, first_lines)) == wanted, query
        assert matcher.count(text, None, first_lines) == len(wanted), query
        if not many:
            matcher.prepare_for_many()
    spans = highlight_finder(matcher.node)
    choices = trigger_choices(matcher.node)
    for start, end in wanted:
        line, message = text[start:end], ParsedLine(text[start:end]).body
        first = first_lines.get(start)
        assert matcher.matches(line, None, first), query
        assert matcher.needs is None or stands_in(matcher.needs, line, first), query
        for triggers in choices:
            assert any(
                stands_in(one.literal, line if one.anywhere else message)
                or (matcher.inherits and first is not None and stands_in(one.literal, first))
                for one in triggers
            ), query
        places = [place for span in spans(message) for place in span]
        assert places == sorted(set(places)) and all(0 <= one <= len(message) for one in places), (
            query
        )


def stands_in(need: Need, line: bytes, first: bytes | None = None) -> bool:
    """Whether what `need` promises is in `line`, or in the first line of its record."""
    if isinstance(need, Inherited):
        return stands_in(need.parts[0], line) or (
            first is not None and stands_in(need.parts[0], first)
        )
    if isinstance(need, Literal):
        return need.text in (line.lower() if need.ignore_case else line)
    parts = (stands_in(part, line, first) for part in need.parts)
    return all(parts) if isinstance(need, AllOf) else any(parts)
