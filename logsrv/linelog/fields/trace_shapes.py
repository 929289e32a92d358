"""The shapes of the lines of stack traces, and which of them may follow which: a table, without records.

    text ─ kind_of_text ─► Kind ─ next_state(State of the line before, Kind) ─► State, or None: a new record

A line that shows by itself where it belongs has a kind. The others, such as the message of a panic in Rust,
are told by the line before them alone. Each expression is matched at the beginning of a text, and takes
time in proportion to it at most.
"""

from __future__ import annotations

import re
from enum import Enum, auto


class State(Enum):
    """The part of a trace that the last line of a stream belongs to."""

    # That of Enum takes a third of the time of a line.
    __hash__ = object.__hash__

    PLAIN = auto()
    ANNOUNCED = auto()  # asyncio has told what failed, and Python's traceback follows
    TRACEBACK = auto()  # Python's, before the line with the exception
    RAISED = auto()  # after that line
    NAMED = auto()  # after that line, if it is the name of the exception alone, or after a group
    CHAINED = auto()  # after the sentence between two of them
    GOROUTINES = auto()  # Go's, after a panic
    CALLS = auto()  # Go's calls behind the message of an error, written by %+v
    PANICKED = auto()  # Rust: the place is told, and the message follows
    EXCERPT = auto()  # Node has named a file, and the line of source follows
    POINTED = auto()  # that line was shown, and the mark below it follows
    MARKED = auto()  # that mark was shown, and the error follows
    THROWN = auto()  # that error was shown, and the rest of its message or its frames follow
    FRAMES = auto()  # they were shown, and objects or Node's version follow
    REPORT = auto()  # Erlang: the head of a report was shown, and its message follows
    BEAM = auto()  # in a report of Erlang, or behind an exception of Elixir
    REQUEST = auto()  # Elixir has told in which request it was raised


class Kind(Enum):
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
_KINDS = re.compile(
    b"|".join(
        b"(?P<%s>%s)" % (kind.name.encode(), pattern)
        for kind, pattern in (
            # Most lines are known by their first word.
            (Kind.OTHER, rb"(?!at |from |thread |goroutine |fatal |[Ss]tack )[a-z]{1,30} "),
            (
                Kind.HEADED,
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
            (Kind.BLANK, rb"\s*\Z"),
            (Kind.GROUP, rb"\s*\+ Exception Group Traceback \(most recent call last\):"),
            (Kind.SUBGROUP, rb"  \| (?:Base)?ExceptionGroup: "),
            (Kind.GROUP_END, rb"[ \t]{4,80}\+-{36}\s*\Z"),
            (Kind.FRAME, rb"[ \t]{1,16}at "),
            (Kind.MARK, rb"[ \t]*\^+\s*\Z"),
            (
                Kind.PART,
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
                    rb"|from [^\s:]{1,300}:[0-9]{1,9}:in "
                    rb"|[^\s:]{1,300}:[0-9]{1,9}:in [`'][^`']{1,300}'\s*\Z"
                    # The end of an object that Node shows with an error.
                    rb"|[}\])]+[,;]?\s*\Z"
                    rb"|Stack \(most recent call last\):|Require stack:"
                ),
            ),
            (Kind.TRACEBACK, rb"Traceback \(most recent call last\):"),
            (
                Kind.EXCEPTION,
                (
                    rb"(?:[A-Za-z_\x80-\xff][\w$\x80-\xff]{0,60}\.){1,12}(?=[A-Z\x80-\xff])(?:"
                    rb"[\w$\x80-\xff]{0,100}(?:Exception|Error|Throwable|ThreadDeath)\b"
                    rb"|[\w$\x80-\xff]{1,100}(?::\s|:?\s*\Z))"
                ),
            ),
            (Kind.CHAIN, rb"During handling of the above exc|The above exception was the direct"),
            (
                Kind.ASYNCIO,
                (
                    rb"(?:future|task|handle|protocol|transport|socket|server|asyncgen): <"
                    rb"|(?:Object|Handle) created at \(most recent call last\):"
                ),
            ),
            (Kind.LOGGING, rb"Call stack:|Message: |Arguments: [(\[{]"),
            (Kind.PANIC, rb"panic: |fatal error: "),
            (Kind.GOROUTINE, rb"goroutine [0-9]+ (?:gp=\S+ [^\[]{0,60})?\["),
            (
                Kind.RUST_PANIC,
                (
                    rb"thread '[^']{0,200}' (?:\([0-9]{1,20}\) )?panicked at "
                    rb"[^:]{1,400}(?::[^:]{1,400})?:[0-9]{1,9}:[0-9]{1,9}:\s*\Z"
                ),
            ),
            (Kind.RUST_ERROR, rb"Error: "),
            (
                Kind.SOURCE,
                (
                    rb"(?:(?:/|[A-Za-z]:[\\/]|file:///)[^:]{1,400}\.[cm]?[jt]sx?"
                    rb"|node:[\w/.-]{1,200}|\[eval\]|\[stdin\]|evalmachine\.<anonymous>)"
                    rb":[0-9]{1,9}\s*\Z"
                ),
            ),
            (
                Kind.NODE,
                (
                    rb"\(Use `node --|Thrown at:|- (?:/|[A-Za-z]:\\)"
                    rb"|Emitted '[^']{1,100}' event (?:on .{1,100} )?at:"
                ),
            ),
            (Kind.NODE_END, rb"Node\.js v[0-9]{1,3}\.[0-9]"),
            (Kind.REPORT, rb"(?:[0-9][0-9:. -]{7,30} )?=[A-Z][A-Z ]{1,30} REPORT===="),
            (Kind.ELIXIR, rb"\*\* \([A-Za-z]"),
            (Kind.ERLANG, rb"\*\* {1,2}(?:[A-Z][a-z]|gen_|[\[{<'#])"),
            (
                Kind.FIELD,
                (
                    rb"(?:Last message|Last event|State|Data|Queue|Postponed|Function|Args"
                    rb"|Initial Call|Ancestors|Message Queue Length|Messages|Links|Dictionary"
                    rb"|Trapping Exits|Status|Heap Size|Stack Size|Reductions|Neighbours|Pid|Name"
                    rb"|Start Call|Restart|Shutdown|Type|Callback mode|Parent)"
                    rb"(?: \(from [^()]{1,100}\))?:(?:\s|\Z)"
                    rb"|Client [^ ]{1,100} is (?:alive|dead|remote)"
                ),
            ),
            (Kind.REQUEST, rb"(?:Server|Request): "),
            (Kind.TERM, rb"\[{0,3}\{[\[{]{0,3}[a-z':]"),
        )
    )
)

_BY_NAME: dict[str | None, Kind] = {kind.name: kind for kind in Kind}

BEGINNINGS = frozenset((Kind.PANIC, Kind.RUST_PANIC, Kind.SOURCE, Kind.REPORT, Kind.HEADED))
"""Kinds that surely begin a record."""

_ANY = tuple(kind for kind in Kind if kind not in BEGINNINGS)
_GO_ON = {
    (State.ANNOUNCED, Kind.ASYNCIO): State.ANNOUNCED,
    (State.ANNOUNCED, Kind.TRACEBACK): State.TRACEBACK,
    (State.ANNOUNCED, Kind.GROUP): State.RAISED,
    (State.ANNOUNCED, Kind.SUBGROUP): State.RAISED,
    (State.TRACEBACK, Kind.GROUP): State.RAISED,
    (State.CHAINED, Kind.GROUP): State.RAISED,
    (State.CHAINED, Kind.SUBGROUP): State.RAISED,
    (State.RAISED, Kind.SUBGROUP): State.RAISED,
    (State.RAISED, Kind.GROUP_END): State.NAMED,
    (State.RAISED, Kind.BLANK): State.RAISED,
    (State.RAISED, Kind.CHAIN): State.CHAINED,
    (State.RAISED, Kind.LOGGING): State.RAISED,
    (State.NAMED, Kind.BLANK): State.NAMED,
    (State.NAMED, Kind.CHAIN): State.CHAINED,
    (State.NAMED, Kind.LOGGING): State.NAMED,
    (State.RAISED, Kind.NODE): State.RAISED,
    (State.RAISED, Kind.NODE_END): State.PLAIN,
    (State.CHAINED, Kind.BLANK): State.CHAINED,
    (State.CHAINED, Kind.TRACEBACK): State.TRACEBACK,
    (State.GOROUTINES, Kind.BLANK): State.GOROUTINES,
    (State.GOROUTINES, Kind.GOROUTINE): State.GOROUTINES,
    **{(State.PANICKED, kind): State.PLAIN for kind in _ANY},
    **{(State.EXCERPT, kind): State.POINTED for kind in _ANY},
    (State.POINTED, Kind.MARK): State.MARKED,
    **{(State.MARKED, kind): State.THROWN for kind in _ANY},
    (State.MARKED, Kind.BLANK): State.MARKED,
    **{(State.THROWN, kind): State.THROWN for kind in (Kind.OTHER, Kind.RUST_ERROR, Kind.TERM)},
    (State.THROWN, Kind.BLANK): State.THROWN,
    (State.THROWN, Kind.FRAME): State.FRAMES,
    (State.THROWN, Kind.NODE): State.FRAMES,
    (State.THROWN, Kind.NODE_END): State.PLAIN,
    (State.FRAMES, Kind.BLANK): State.FRAMES,
    (State.FRAMES, Kind.NODE): State.FRAMES,
    (State.FRAMES, Kind.NODE_END): State.PLAIN,
    **{(State.REPORT, kind): State.BEAM for kind in _ANY},
    (State.BEAM, Kind.BLANK): State.BEAM,
    (State.BEAM, Kind.ERLANG): State.BEAM,
    (State.BEAM, Kind.FIELD): State.BEAM,
    (State.BEAM, Kind.TERM): State.BEAM,
    (State.REQUEST, Kind.REQUEST): State.REQUEST,
    (State.REQUEST, Kind.ELIXIR): State.BEAM,
}
"""The state after a line that goes on with the record."""
_AFTER_PART = {
    State.PANICKED: State.PLAIN,
    State.EXCERPT: State.POINTED,
    State.POINTED: State.PLAIN,
    State.MARKED: State.THROWN,
    State.REPORT: State.BEAM,
}
"""The state after a line that goes on in each state, if it is another one."""
_PARTS = (Kind.FRAME, Kind.PART, Kind.GROUP_END)
_BEGIN = {
    Kind.TRACEBACK: State.TRACEBACK,
    Kind.GROUP: State.RAISED,
    Kind.SUBGROUP: State.RAISED,
    Kind.RUST_ERROR: State.RAISED,
    Kind.PANIC: State.GOROUTINES,
    Kind.GOROUTINE: State.GOROUTINES,
    Kind.RUST_PANIC: State.PANICKED,
    Kind.SOURCE: State.EXCERPT,
    Kind.REPORT: State.REPORT,
    Kind.ELIXIR: State.BEAM,
}
BEHIND_FAULT = {
    Kind.TRACEBACK: State.TRACEBACK,
    Kind.GROUP: State.RAISED,
    Kind.SUBGROUP: State.RAISED,
    Kind.EXCEPTION: State.PLAIN,
    Kind.ASYNCIO: State.ANNOUNCED,
    Kind.ELIXIR: State.BEAM,
    Kind.ERLANG: State.BEAM,
    Kind.REQUEST: State.REQUEST,
}
"""The state after a line that goes on with a line which tells a fault, and with no other plain line."""
FIRST_SAYS = {Kind.ERLANG: b"** ", Kind.REQUEST: b" terminated"}
"""What that line says too."""
# Lines of no shape of their own: the exception of Python may have these, and the rest of its message.
_UNKNOWN = (Kind.OTHER, Kind.RUST_ERROR)
# Lines of a shape that ordinary lines have too.
_VAGUE = frozenset(
    {
        Kind.LOGGING,
        Kind.ASYNCIO,
        Kind.NODE,
        Kind.ERLANG,
        Kind.FIELD,
        Kind.REQUEST,
        Kind.TERM,
    }
)
TRACEBACKS = (Kind.TRACEBACK, Kind.GROUP, Kind.SUBGROUP)
"""Kinds that begin a trace of Python."""
WITH_NOTES = (State.RAISED, State.NAMED, State.CALLS)
"""States in which the next lines of a message may have any text: notes, or what an error is wrapped in."""
# Python's line with the exception; it may have no message.
_RAISED = re.compile(rb"[A-Za-z_][\w.]{0,200}(?::|\s*\Z)")
_GO_LINE = re.compile(
    rb"created by |exit status [0-9]|runtime stack:|\[signal |\[originating from "
)
_CALL = re.compile(rb"[A-Za-z_][\w./~%()*\[\]\x80-\xff-]{2,400}\s*\Z")
# Endings of the names of files, hosts and versions, which look like a call of the package main.
_FILES = re.compile(
    rb"\.(?:[ch]|cc|cpp|cfg|com|conf|css|csv|db|exe|go|gz|html?|in|ini|java|jpg|js|json|jsx|log|lua|md|mjs"
    rb"|net|o|org|php|png|pl|py|rb|rs|sh|so|sql|svg|tar|tmp|toml|ts|tsx|txt|vue|xml|ya?ml|zip)\s*\Z"
)


def kind_of_text(text: bytes) -> Kind:
    found = _KINDS.match(text)
    return _BY_NAME[found.lastgroup] if found else Kind.OTHER


def first_state(kind: Kind) -> State:
    """Return the state after a line that begins a record."""
    return _BEGIN.get(kind, State.PLAIN)


def next_state(state: State, kind: Kind, text: bytes) -> State | None:
    """Return the state after a line, if it goes on with any trace in this state; None if it does not."""
    if state is not State.PLAIN and (found := _GO_ON.get((state, kind))) is not None:
        return found
    if kind in _PARTS or (kind is Kind.MARK and not text.startswith(b"^")):
        return _AFTER_PART.get(state, state)
    if state is State.PLAIN:
        return None
    if state is State.TRACEBACK and (
        kind is Kind.EXCEPTION or (kind in _UNKNOWN and _RAISED.match(text))
    ):
        return State.RAISED if b": " in text else State.NAMED
    if kind is Kind.OTHER and (
        (state is State.GOROUTINES and _is_of_goroutine(text))
        or (state is State.CALLS and is_call(text))
    ):
        return state
    return None


def is_unknown(kind: Kind) -> bool:
    """Return whether a line has no shape of its own, as the rest of a message may have any text."""
    return kind in _UNKNOWN


def doubt_about(kind: Kind) -> int:
    """Return 0 for a line that only a trace has, more the more ordinary it is."""
    return 3 if kind in _UNKNOWN else int(kind in _VAGUE)


def is_any_text(kind: Kind, text: bytes) -> bool:
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
