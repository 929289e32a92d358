"""The shapes of the lines of stack traces, and which of them may follow which: a table, without records.

    text ─ kind_of_text ─► LineKind
    LineKind, TraceState of the line before ─ next_state ─► TraceState, or None: a new record

A line that shows by itself where it belongs has a kind. The others, such as the message of a panic in Rust,
are told by the line before them alone. Each expression is matched at the beginning of a text, and takes
time in proportion to it at most.
"""

from __future__ import annotations

from enum import Enum, auto

from logsrv.kit.text.late_pattern import LatePattern


class TraceState(Enum):
    """The part of a trace that the last line of a stream belongs to."""

    # The hash of Enum takes a third of the time of a line.
    __hash__ = object.__hash__

    PLAIN = auto()
    ANNOUNCED = auto()  # asyncio has told what failed, and Python's traceback follows
    TRACEBACK = auto()  # Python's, before the line with the exception
    RAISED = auto()  # after that line
    NAMED = auto()  # after that line, if it is the name of the exception alone, or after a group
    CHAINED = auto()  # after the sentence between two of them
    GOROUTINES = auto()  # Go's, after a panic
    CALLS = auto()  # Go's calls behind the message of an error, written by %+v
    PANICKED = auto()  # Rust: file and line were told, and the message follows
    EXCERPT = auto()  # Node has named a file, and the line of source follows
    POINTED = auto()  # that line was shown, and the mark below it follows
    MARKED = auto()  # that mark was shown, and the error follows
    THROWN = auto()  # that error was shown, and the rest of its message or its frames follow
    FRAMES = auto()  # they were shown, and objects or Node's version follow
    REPORT = auto()  # Erlang: the head of a report was shown, and its message follows
    BEAM = auto()  # in a report of Erlang, or behind an exception of Elixir
    REQUEST = auto()  # Elixir has told in which request it was raised


class LineKind(Enum):
    """The shape of a line, by the beginning of its text."""

    __hash__ = object.__hash__

    BLANK = auto()
    GROUP = auto()  # Python's group of exceptions: a trace that is indented as a whole
    SUBGROUP = auto()  # the same without frames
    GROUP_END = auto()
    FRAME = auto()  # a call in JavaScript, Java or .NET
    PART = auto()  # goes on with any record
    TRACEBACK = auto()
    EXCEPTION = auto()  # the name of its class, with the package or namespace
    RUST_ERROR = auto()  # what a main function has returned, before a blank line and its causes
    CHAIN = auto()
    ASYNCIO = auto()  # what failed
    LOGGING = auto()  # a call of Python's logging that failed
    PANIC = auto()
    GOROUTINE = auto()
    RUST_PANIC = auto()  # with its message on the next line
    SOURCE = auto()  # a file and a line of it, as Node shows them above an error
    MARK = auto()  # below a line of source
    NODE = auto()  # other lines around an error of Node
    NODE_END = auto()
    REPORT = auto()
    ELIXIR = auto()
    ERLANG = auto()  # a line of a report
    FIELD = auto()  # what Elixir tells of the process that failed
    REQUEST = auto()
    TERM = auto()  # of Erlang
    HEADED = auto()  # begins with a time, a level or a sentence before a traceback, and so a record
    OTHER = auto()


ANNOUNCES = (
    rb"Exception (?:ignored )?in |Unhandled (?:Error|exception)|Task exception was never retr"
    rb"|--- Logging error ---"
)
"""Sentences of Python before a traceback."""
_ANY_KIND = b"|".join(
    b"(?P<%s>%s)" % (kind.name.encode(), pattern)
    for kind, pattern in (
        # Most lines are known by their first word.
        (LineKind.OTHER, rb"(?!at |from |thread |goroutine |fatal |[Ss]tack )[a-z]{1,30} "),
        (
            LineKind.HEADED,
            (
                rb"(?![0-9: .-]{1,40}=[A-Z])[\[(]?(?:[0-9]{4}[-/.][0-9]{2}[-/.][0-9]{2}[T ,_:]"
                rb"|[0-9]{2}:[0-9]{2}:[0-9]{2}\b"
                rb"|[0-9]{2}[-/. ](?:[0-9]{2}|[A-Z][a-z]{2})[-/. ][0-9]{2,4}[ T:,]"
                rb"|(?:[A-Z][a-z]{2},? ){1,2} ?[0-9]{1,2} [0-9]{2}:|[IWEF][0-9]{4,6} [0-9]{2}:"
                rb"|(?:time|ts|level|lvl)=|\[?(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR"
                rb"|FATAL|CRITICAL|CRIT|SEVERE|PANIC|EMERG|ALERT)\b)"
                rb"|" + ANNOUNCES
            ),
        ),
        (LineKind.BLANK, rb"\s*\Z"),
        (LineKind.GROUP, rb"\s*\+ Exception Group Traceback \(most recent call last\):"),
        (LineKind.SUBGROUP, rb"  \| (?:Base)?ExceptionGroup: "),
        (LineKind.GROUP_END, rb"[ \t]{4,80}\+-{36}\s*\Z"),
        (LineKind.FRAME, rb"[ \t]{1,16}at "),
        (LineKind.MARK, rb"[ \t]*\^+\s*\Z"),
        (
            LineKind.PART,
            (
                rb"[ \t]|#011|Caused by:|Suppressed:|Wrapped by:"
                rb"|\.\.\. ?[0-9]+ (?:more|common|frames?|lines?)\b"
                # Frames of Java and JavaScript without their tab.
                rb"|at [^\s(]{1,300} ?\((?:[^()]{1,300}:[0-9]{1,9}"
                rb"|Native Method|Unknown Source|<[^()<>]{1,100}>)\)"
                rb"|--- End of |---> |--- <exception caught here> ---"
                rb"|(?:PHP )?Stack trace:|PHP +[0-9]+\. "
                rb"|#[0-9]+ +(?:/|0x|\{main|\[internal|phar:|[A-Za-z]:\\)"
                rb"|[Ss]tack backtrace:|note: (?:run with `RUST_|Some details are omitted)"
                rb"|thread caused non-unwinding panic"
                # Ruby's, without their tab.
                rb"|from (?:<internal:[^>\s]{1,100}>|[^\s:]{1,300}):[0-9]{1,9}:in "
                rb"|(?:<internal:[^>\s]{1,100}>|[^\s:0-9<{][^\s:]{0,299}):[0-9]{1,9}"
                rb":in [`'][^`']{1,300}'\s*\Z"
                # The end of an object that Node shows with an error.
                rb"|[}\])]+[,;]?\s*\Z"
                rb"|Stack \(most recent call last\):|Require stack:"
            ),
        ),
        (LineKind.TRACEBACK, rb"Traceback \(most recent call last\):"),
        (
            LineKind.EXCEPTION,
            (
                rb"(?:[A-Za-z_\x80-\xff][\w$\x80-\xff]{0,60}\.){1,12}(?=[A-Z\x80-\xff])(?:"
                rb"[\w$\x80-\xff]{0,100}(?:Exception|Error|Throwable|ThreadDeath)\b"
                rb"|[\w$\x80-\xff]{1,100}(?::\s|:?\s*\Z))"
            ),
        ),
        (
            LineKind.CHAIN,
            rb"During handling of the above exc|The above exception was the direct",
        ),
        (
            LineKind.ASYNCIO,
            (
                rb"(?:future|task|handle|protocol|transport|socket|server|asyncgen): <"
                rb"|(?:Object|Handle) created at \(most recent call last\):"
            ),
        ),
        (LineKind.LOGGING, rb"Call stack:|Message: |Arguments: [(\[{]"),
        (LineKind.PANIC, rb"panic: |fatal error: "),
        (LineKind.GOROUTINE, rb"goroutine [0-9]+ (?:gp=\S+ [^\[]{0,60})?\["),
        (
            LineKind.RUST_PANIC,
            (
                rb"thread '[^']{0,200}' (?:\([0-9]{1,20}\) )?panicked at "
                rb"[^:]{1,400}(?::[^:]{1,400})?:[0-9]{1,9}:[0-9]{1,9}:\s*\Z"
            ),
        ),
        (LineKind.RUST_ERROR, rb"Error: "),
        (
            LineKind.SOURCE,
            (
                rb"(?:(?:/|[A-Za-z]:[\\/]|file:///)[^:]{1,400}\.[cm]?[jt]sx?"
                rb"|node:[\w/.-]{1,200}|\[eval\]|\[stdin\]|evalmachine\.<anonymous>)"
                rb":[0-9]{1,9}\s*\Z"
            ),
        ),
        (
            LineKind.NODE,
            (
                rb"\(Use `node --|Thrown at:|- (?:/|[A-Za-z]:\\)"
                rb"|Emitted '[^']{1,100}' event (?:on .{1,100} )?at:"
            ),
        ),
        (LineKind.NODE_END, rb"Node\.js v[0-9]{1,3}\.[0-9]"),
        (LineKind.REPORT, rb"(?:[0-9][0-9:. -]{7,30} )?=[A-Z][A-Z ]{1,30} REPORT===="),
        (LineKind.ELIXIR, rb"\*\* \([A-Za-z]"),
        (LineKind.ERLANG, rb"\*\* {1,2}(?:[A-Z][a-z]|gen_|[\[{<'#])"),
        (
            LineKind.FIELD,
            (
                rb"(?:Last message|Last event|State|Data|Queue|Postponed|Function|Args"
                rb"|Initial Call|Ancestors|Message Queue Length|Messages|Links|Dictionary"
                rb"|Trapping Exits|Status|Heap Size|Stack Size|Reductions|Neighbours|Pid|Name"
                rb"|Start Call|Restart|Shutdown|Type|Callback mode|Parent)"
                rb"(?: \(from [^()]{1,100}\))?:(?:\s|\Z)"
                rb"|Client [^ ]{1,100} is (?:alive|dead|remote)"
            ),
        ),
        (LineKind.REQUEST, rb"(?:Server|Request): "),
        (LineKind.TERM, rb"\[{0,3}\{[\[{]{0,3}[a-z':]"),
    )
)
_KINDS = LatePattern(_ANY_KIND)
_BY_NAME: dict[str | None, LineKind] = {kind.name: kind for kind in LineKind}

BEGINNINGS = frozenset(
    (LineKind.PANIC, LineKind.RUST_PANIC, LineKind.SOURCE, LineKind.REPORT, LineKind.HEADED)
)
"""Kinds that surely begin a record."""

_ANY = tuple(kind for kind in LineKind if kind not in BEGINNINGS)
_GO_ON = {
    (TraceState.ANNOUNCED, LineKind.ASYNCIO): TraceState.ANNOUNCED,
    (TraceState.ANNOUNCED, LineKind.TRACEBACK): TraceState.TRACEBACK,
    (TraceState.ANNOUNCED, LineKind.GROUP): TraceState.RAISED,
    (TraceState.ANNOUNCED, LineKind.SUBGROUP): TraceState.RAISED,
    (TraceState.TRACEBACK, LineKind.GROUP): TraceState.RAISED,
    (TraceState.CHAINED, LineKind.GROUP): TraceState.RAISED,
    (TraceState.CHAINED, LineKind.SUBGROUP): TraceState.RAISED,
    (TraceState.RAISED, LineKind.SUBGROUP): TraceState.RAISED,
    (TraceState.RAISED, LineKind.GROUP_END): TraceState.NAMED,
    (TraceState.RAISED, LineKind.BLANK): TraceState.RAISED,
    (TraceState.RAISED, LineKind.CHAIN): TraceState.CHAINED,
    (TraceState.RAISED, LineKind.LOGGING): TraceState.RAISED,
    (TraceState.NAMED, LineKind.BLANK): TraceState.NAMED,
    (TraceState.NAMED, LineKind.CHAIN): TraceState.CHAINED,
    (TraceState.NAMED, LineKind.LOGGING): TraceState.NAMED,
    (TraceState.RAISED, LineKind.NODE): TraceState.RAISED,
    (TraceState.RAISED, LineKind.NODE_END): TraceState.PLAIN,
    (TraceState.CHAINED, LineKind.BLANK): TraceState.CHAINED,
    (TraceState.CHAINED, LineKind.TRACEBACK): TraceState.TRACEBACK,
    (TraceState.GOROUTINES, LineKind.BLANK): TraceState.GOROUTINES,
    (TraceState.GOROUTINES, LineKind.GOROUTINE): TraceState.GOROUTINES,
    **{(TraceState.PANICKED, kind): TraceState.PLAIN for kind in _ANY},
    **{(TraceState.EXCERPT, kind): TraceState.POINTED for kind in _ANY},
    (TraceState.POINTED, LineKind.MARK): TraceState.MARKED,
    **{(TraceState.MARKED, kind): TraceState.THROWN for kind in _ANY},
    (TraceState.MARKED, LineKind.BLANK): TraceState.MARKED,
    **{
        (TraceState.THROWN, kind): TraceState.THROWN
        for kind in (LineKind.OTHER, LineKind.RUST_ERROR, LineKind.TERM)
    },
    (TraceState.THROWN, LineKind.BLANK): TraceState.THROWN,
    (TraceState.THROWN, LineKind.FRAME): TraceState.FRAMES,
    (TraceState.THROWN, LineKind.NODE): TraceState.FRAMES,
    (TraceState.THROWN, LineKind.NODE_END): TraceState.PLAIN,
    (TraceState.FRAMES, LineKind.BLANK): TraceState.FRAMES,
    (TraceState.FRAMES, LineKind.NODE): TraceState.FRAMES,
    (TraceState.FRAMES, LineKind.NODE_END): TraceState.PLAIN,
    **{(TraceState.REPORT, kind): TraceState.BEAM for kind in _ANY},
    (TraceState.BEAM, LineKind.BLANK): TraceState.BEAM,
    (TraceState.BEAM, LineKind.ERLANG): TraceState.BEAM,
    (TraceState.BEAM, LineKind.FIELD): TraceState.BEAM,
    (TraceState.BEAM, LineKind.TERM): TraceState.BEAM,
    (TraceState.REQUEST, LineKind.REQUEST): TraceState.REQUEST,
    (TraceState.REQUEST, LineKind.ELIXIR): TraceState.BEAM,
}
"""The state after a line that goes on with the record."""
_AFTER_PART = {
    TraceState.PANICKED: TraceState.PLAIN,
    TraceState.EXCERPT: TraceState.POINTED,
    TraceState.POINTED: TraceState.PLAIN,
    TraceState.MARKED: TraceState.THROWN,
    TraceState.REPORT: TraceState.BEAM,
}
"""The state after a line that goes on in each state, if it is another one."""
_PARTS = (LineKind.FRAME, LineKind.PART, LineKind.GROUP_END)
_BEGIN = {
    LineKind.TRACEBACK: TraceState.TRACEBACK,
    LineKind.GROUP: TraceState.RAISED,
    LineKind.SUBGROUP: TraceState.RAISED,
    LineKind.RUST_ERROR: TraceState.RAISED,
    LineKind.PANIC: TraceState.GOROUTINES,
    LineKind.GOROUTINE: TraceState.GOROUTINES,
    LineKind.RUST_PANIC: TraceState.PANICKED,
    LineKind.SOURCE: TraceState.EXCERPT,
    LineKind.REPORT: TraceState.REPORT,
    LineKind.ELIXIR: TraceState.BEAM,
}
BEHIND_FAULT = {
    LineKind.TRACEBACK: TraceState.TRACEBACK,
    LineKind.GROUP: TraceState.RAISED,
    LineKind.SUBGROUP: TraceState.RAISED,
    LineKind.EXCEPTION: TraceState.PLAIN,
    LineKind.ASYNCIO: TraceState.ANNOUNCED,
    LineKind.ELIXIR: TraceState.BEAM,
    LineKind.ERLANG: TraceState.BEAM,
    LineKind.REQUEST: TraceState.REQUEST,
}
"""The state after a line that goes on with a line which tells a fault, and with no other plain line."""
FIRST_SAYS = {LineKind.ERLANG: b"** ", LineKind.REQUEST: b" terminated"}
"""Words that must stand in that line."""
_OPENING = frozenset((*_PARTS, *_BEGIN, *BEHIND_FAULT))
# Lines of no shape of their own: the exception of Python may have these, and the rest of its message.
_UNKNOWN = (LineKind.OTHER, LineKind.RUST_ERROR)
# Lines of a shape that ordinary lines have too.
_VAGUE = frozenset(
    {
        LineKind.LOGGING,
        LineKind.ASYNCIO,
        LineKind.NODE,
        LineKind.ERLANG,
        LineKind.FIELD,
        LineKind.REQUEST,
        LineKind.TERM,
    }
)
TRACEBACKS = (LineKind.TRACEBACK, LineKind.GROUP, LineKind.SUBGROUP)
"""Kinds that begin a trace of Python."""
WITH_NOTES = (TraceState.RAISED, TraceState.NAMED, TraceState.CALLS)
"""States in which the next lines of a message may have any text: notes, or what an error is wrapped in."""
# Python's line with the exception; it may have no message.
_RAISED = LatePattern(rb"[A-Za-z_][\w.]{0,200}(?::|\s*\Z)")
_GO_LINE = LatePattern(
    rb"created by |exit status [0-9]|runtime stack:|\[signal |\[originating from "
)
_CALL = LatePattern(rb"[A-Za-z_][\w./~%()*\[\]\x80-\xff-]{2,400}\s*\Z")
# Endings of the names of files, hosts and versions, which look like a call of the package main.
_FILES = LatePattern(
    rb"\.(?:[ch]|cc|cpp|cfg|com|conf|css|csv|db|exe|go|gz|html?|in|ini|java|jpg|js|json|jsx|log|lua|md|mjs"
    rb"|net|o|org|php|png|pl|py|rb|rs|sh|so|sql|svg|tar|tmp|toml|ts|tsx|txt|vue|xml|ya?ml|zip)\s*\Z"
)


def kind_of_text(text: bytes) -> LineKind:
    found = _KINDS.match(text)
    return _BY_NAME[found.lastgroup] if found else LineKind.OTHER


def first_state(kind: LineKind) -> TraceState:
    """Return the state after a line that begins a record."""
    return _BEGIN.get(kind, TraceState.PLAIN)


def next_state(state: TraceState, kind: LineKind, text: bytes) -> TraceState | None:
    """Return the state after a line, if it goes on with any trace in this state; None if it does not."""
    if state is not TraceState.PLAIN and (found := _GO_ON.get((state, kind))) is not None:
        return found
    if kind in _PARTS or (kind is LineKind.MARK and not text.startswith(b"^")):
        return _AFTER_PART.get(state, state)
    if state is TraceState.PLAIN:
        return None
    if state is TraceState.TRACEBACK and (
        kind is LineKind.EXCEPTION or (kind in _UNKNOWN and _RAISED.match(text))
    ):
        return TraceState.RAISED if b": " in text else TraceState.NAMED
    if kind is LineKind.OTHER and (
        (state is TraceState.GOROUTINES and _is_of_goroutine(text))
        or (state is TraceState.CALLS and is_call(text))
    ):
        return state
    return None


# The beginnings of lines for which `is_trace_opening`, but for names with dots and drives of Windows.
OPENING_MARKS = b" \t\r\f\v#.+}])-*/=("
OPENING_WORDS = (
    *(
        b"Caused by:",
        b"Suppressed:",
        b"Wrapped by:",
        b"at ",
        b"PHP ",
        b"Stack ",
        b"stack ",
        b"note: ",
    ),
    *(b"thread ", b"from ", b"Require stack:", b"Traceback ", b"future: ", b"task: ", b"handle: "),
    *(
        b"protocol: ",
        b"transport: ",
        b"socket: ",
        b"server: ",
        b"asyncgen: ",
        b"Object ",
        b"Handle ",
    ),
    *(
        b"panic: ",
        b"fatal ",
        b"goroutine ",
        b"Error: ",
        b"file:///",
        b"node:",
        b"[eval]",
        b"[stdin]",
    ),
    *(b"evalmachine.", b"Server: ", b"Request: ", b"<internal:"),
)
BEGINS_ANOTHER = rb'[0-9]|<[0-9]|\{[^\S\n]*(?:"[^\n]*)?\}[^\S\n]*$'
"""How lines begin that are no part of a message of any text: with a number, a priority, or as an object."""
OPENING_WITHIN = b"===="
"""What such a line has within it, if it begins otherwise."""


def goes_on_anywhere(kind: LineKind) -> bool:
    """Return whether a line goes on with any record, so that it is no beginning for others."""
    return kind in _PARTS or kind is LineKind.MARK


def is_trace_opening(kind: LineKind, text: bytes) -> bool:
    """Return whether a line goes on with any record, or may be the first line of a trace.

    All other lines of a trace stand behind such a line, and so are told by it.
    """
    if kind in _OPENING or (kind is LineKind.OTHER and is_call(text)):
        return True
    return kind is LineKind.MARK and not text.startswith(b"^")


def is_unknown(kind: LineKind) -> bool:
    """Return whether a line has no shape of its own, as the rest of a message may have any text."""
    return kind in _UNKNOWN


def doubt_about(kind: LineKind) -> int:
    """Return 0 for a line that only a trace has, more the more ordinary it is."""
    return 3 if kind in _UNKNOWN else int(kind in _VAGUE)


def is_any_text(kind: LineKind, text: bytes) -> bool:
    """Return whether a line looks like no line of a trace at all."""
    return kind in _UNKNOWN and not (_RAISED.match(text) or _is_of_goroutine(text))


def is_call(text: bytes) -> bool:
    """Return whether a line may be a call such as `example.org/shop.(*Cart).Add`, without arguments."""
    if b" " in text or not _CALL.match(text):
        return False
    name = text.rpartition(b"/")[2]
    return b"." in name[1:-1] and not _FILES.search(name)


def _is_of_goroutine(text: bytes) -> bool:
    """Return whether a line is a call such as `net/http.(*conn).serve(0xc0)`, or one of Go's notes."""
    if _GO_LINE.match(text):
        return True
    if text.startswith((b"panic(", b"...additional frames elided")):
        return True
    called = text.partition(b"(")[0]
    return text.endswith(b")") and b"." in called and b" " not in called
