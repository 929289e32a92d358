"""Random questions: the text of each query, and the function that tells whether it is true for a line."""

import operator
import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from functools import partial
from random import Random
from typing import Any, TypeAlias

import attrs

from tests.linelog.questions.lines import (
    ALIASES,
    LEVEL_OF,
    LEVELS,
    NAMES_OF_LEVEL,
    Line,
    number_of,
    random_amount,
)
from tests.linelog.questions.reference import (
    AHEAD,
    COMPUTED,
    ORDERS,
    amount_of,
    columns_of_figure,
    compares,
    contains,
    field_of,
    kept_rows,
    matches,
    number_in,
    own_field,
    rows_with,
    sorted_rows,
)

Test: TypeAlias = Callable[[Line], bool]
Row: TypeAlias = tuple[Any, ...]
_OTHER_NAMES = {"program": "app", "programname": "app", "appname": "app", "procid": "pid"}
OF_TEXTS = ("count_distinct", "first", "last")
_OF_LINE = ("level", "name", "source", "host", "port")
# As the product's language and Python's write them.
_EXPRESSIONS = (
    r"\d+ ms", r"^user", r"took$", r"\bok\b", r"x*", r"[^a]b", r"e.*r", r"(bob|ann) ", "K", "k", r"\Sb",
    "B.b", r"er{2}or", r"^$", r"\w\W", r"(?i:BOB) t", r'"status": ?5', r"\x61nn", r"=[0-9.]+(,| |$)",
)  # fmt: skip
# RE2 takes no byte that is not UTF-8.
_MORE = rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
_DOT, _NO_SPACE = rb"(?:[^\n\x80-\xff]|%s)" % _MORE, rb"(?:[^\s\x80-\xff]|%s)" % _MORE
_TEMPLATES = {
    '"took <ms> ms"': rb"took\s+(?P<ms>%s+?)\s+ms" % _DOT,
    '"user <user> took <took>"': rb"user\s+(?P<user>%s+?)\s+took\s+(?P<took>%s+)"
    % (_DOT, _NO_SPACE),
    '"<_> <word> "': rb"%s+?\s+(?P<word>%s+?)\s+" % (_DOT, _DOT),
    r"/took (?P<ms>\d+)( (?P<unit>ms))?/": rb"(?i)took (?P<ms>\d+)( (?P<unit>ms))?",
    r"/status\W+(?P<status>\w+)/": rb"(?i)status\W+(?P<status>\w+)",
}
"""What stands behind `extract`, and the same in Python's syntax."""
ANSWERS = ("lines", "lines", "count", "top", "histogram", "sort", "table", "table", "patterns")


@attrs.frozen
class Question:
    """A query with its stages, and what else may be asked of a search.

    is_true: of a line, without the scope. extracted: the expression of each extracted field.
    answer: one of `ANSWERS`; `fields` to `every` say more of it. conditions, names: of the figures; empty
    if none has any.
    """

    query: str
    is_true: Test
    extracted: dict[str, bytes]
    answer: str
    stage: str = ""
    fields: tuple[str, ...] = ()
    figures: tuple[tuple[str, str], ...] = ()
    conditions: tuple[Test | None, ...] = ()
    names: tuple[str, ...] = ()
    of_rows: tuple[Callable[[list[Row]], list[Row]], ...] = ()
    ascending: bool = False
    every: float | None = None
    compare: float = 0
    zone: str = ""
    limit: int | None = None
    reverse: bool = False
    since: str = ""
    until: str = ""
    source: str = ""

    @property
    def text(self) -> str:
        return f"{self.query} | {self.stage}" if self.stage else self.query

    def field(self, line: Line, name: str) -> list[str]:
        return field_of(line, name, self.extracted)

    def found(self, lines: Sequence[Line]) -> list[int]:
        """The numbers of the lines that match, in their order."""
        return [
            number
            for number, line in enumerate(lines)
            if self.is_true(line)
            and (not self.since or line.time >= self.since)
            and (not self.until or line.time < self.until)
            and (not self.source or fnmatchcase(line.source, self.source))
        ]


class Asker:
    """The maker of random questions about some lines. answers: their kinds; often ones several times."""

    def __init__(
        self, random: Random, lines: Sequence[Line], answers: Sequence[str] = ANSWERS
    ) -> None:
        self._random = random
        self._lines = lines
        self._answers = answers
        self._fields = sorted({name for line in lines for name in (*line.content, *line.header)})
        self._patterns: dict[str, bytes] = {}
        self._amounts = [
            (name, value)
            for line in lines
            for name in line.content
            for value in own_field(line, name)
            if name not in _OF_LINE and amount_of(name, value)
        ]

    def question(self) -> Question:
        """A question that has mostly an answer."""
        for _ in range(15):
            asked = self._question()
            if self._has_answer(asked) or not self._random.randrange(30):
                break
        return asked

    def _has_answer(self, asked: Question) -> bool:
        found = [self._lines[number] for number in asked.found(self._lines)]
        if asked.answer == "sort":
            [name] = asked.fields
            values = {number_in(name, asked.field(line, name)) for line in found} - {None}
            return len(values) > 1
        names = [*asked.fields, *(name for _, name in asked.figures if name)]
        return bool(found) and all(any(asked.field(line, name) for line in found) for name in names)

    def _question(self) -> Question:
        random = self._random
        text, test = self.condition()
        if not random.randrange(5):
            text, test = "", all_of([])
        for _ in range(random.choice([0, 0, 0, 1, 2])):
            stage, pattern = random.choice(list(_TEMPLATES.items()))
            names = re.compile(pattern).groupindex.keys()
            if not self._patterns.keys() & names:
                # A new dictionary: the conditions before the stage do not know the names.
                self._patterns = self._patterns | dict.fromkeys(names, pattern)
                text += f" | extract {stage}"
        if self._patterns and random.randrange(2):
            where, other = self._tree(2)
            text, test = f"{text} | where {where}", all_of([test, other])
        asked = self._with_answer(
            Question(text, test, self._patterns, random.choice(self._answers))
        )
        since, until = sorted(random.choice(self._lines).time for _ in range(2))
        return attrs.evolve(
            asked,
            since=since if asked.compare else random.choice(["", "", since]),
            until=until if asked.compare else random.choice(["", "", until]),
            source=random.choice(["", "", "", "web@*", "udp:*", "unix:*", "tcp:[[]::1]:7"]),
        )

    def condition(self) -> tuple[str, Test]:
        """A filter without extracted names, and the function that tells whether it is true."""
        self._patterns = {}
        return self._tree(3)

    def _with_answer(self, asked: Question) -> Question:
        random, kind = self._random, asked.answer
        asked = attrs.evolve(asked, limit=random.choice([0, 1, 3, 3, 50, 50, 50, 50]))
        if kind == "lines":
            limit = random.choice([None, asked.limit])
            return attrs.evolve(asked, reverse=not random.randrange(3), limit=limit)
        if kind == "histogram":
            return attrs.evolve(asked, limit=None, every=random.choice([0.5, 1.0, 60.0, 3600.0]))
        if kind == "top":
            return attrs.evolve(asked, fields=(self._name(),))
        if kind == "sort":
            name = self._name()
            direction = random.choice(["", " desc", " asc"])
            stage = f"sort {random.choice(['', 'by '])}{in_query(name)}{direction}"
            return attrs.evolve(asked, fields=(name,), ascending=direction == " asc", stage=stage)
        if kind == "table":
            return self._table(asked)
        return (
            attrs.evolve(asked, stage="patterns")
            if kind == "patterns"
            else attrs.evolve(asked, limit=None)
        )

    def _table(self, asked: Question) -> Question:
        random = self._random
        fields = tuple(dict.fromkeys(self._name() for _ in range(random.randrange(3))))
        figures = [("count", "")] * random.randrange(2)
        for _ in range(random.randrange(3)):
            function = random.choice(["sum", "avg", "min", "max", "p50", "p95", "p99", *OF_TEXTS])
            is_time = function in ("min", "max") and not random.randrange(3)
            name = "time" if is_time else self._name()
            has_time = function in ("min", "max", *OF_TEXTS)
            figures.append((function, "user" if name == "time" and not has_time else name))
        figures = figures or [("count", "")]
        every, word = random.choice(
            [
                *((None, ""), (None, ""), (1.0, "1s"), (60.0, "m")),
                *((3600.0, "h"), (5400.0, "1.5h"), (86400.0, "1d")),
            ]
        )
        zone = random.choice(["", *AHEAD]) if every else ""
        parts = [f"every {word}"] if word else []
        parts += [f"by {random.choice([',', ' , ']).join(map(in_query, fields))}"] if fields else []
        random.shuffle(parts)
        written = [f"{one} {name and in_query(name)}".rstrip() for one, name in figures]
        conditions: tuple[Test | None, ...] = ()
        names: tuple[str, ...] = ()
        if not random.randrange(3):
            conditions = (None,) * len(figures)
            for at in random.sample(range(len(figures)), random.randint(1, len(figures))):
                text, test = self._tree(random.randrange(3))
                conditions = (*conditions[:at], test, *conditions[at + 1 :])
                written[at] += f" if ({text})"
            names = tuple(f"figure{at}" for at in range(len(figures)))
            written = [f"{one} as {name}" for one, name in zip(written, names, strict=True)]
        stage = " ".join([", ".join(written), *parts])
        asked = attrs.evolve(
            asked,
            fields=fields,
            figures=tuple(figures),
            conditions=conditions,
            names=names,
            every=every,
            zone=zone,
            stage=stage,
        )
        if not random.randrange(4):
            shift = (every or 0.25) * random.choice([1, 4, 40])
            stage = f"{stage} compare {round(shift * 1000)}ms"
            asked = attrs.evolve(asked, compare=shift, stage=stage)
        for _ in range(random.choice([0, 0, 1, 2])):
            asked = self._with_row_stage(asked)
        return asked

    def _with_row_stage(self, asked: Question) -> Question:
        """The question with `where` or `sort` of one of its columns behind its figures."""
        random = self._random
        first = len(asked.fields) + (asked.every is not None)
        of_figures = asked.names or tuple(
            f"{one} {name}".rstrip().replace(" ", "_") for one, name in asked.figures
        )
        names = [*asked.fields, *of_figures]
        index = random.randrange(len(asked.figures))
        function, field = asked.figures[index]
        name = names[len(asked.fields) + index]
        column = first + sum(
            columns_of_figure(*one, asked.compare) for one in asked.figures[:index]
        )
        if names.count(name) > 1 or function in ("first", "last"):
            return asked
        op = random.choice(list(ORDERS))
        space = random.choice(["", " "])
        is_number = not (field == "time" and function in ("min", "max"))
        if is_number and not random.randrange(3) and "let" not in asked.stage:
            sign, number = random.choice([*COMPUTED]), random.choice([0, 2, 0.25])
            text = f"let made = {in_query(name)} {sign} {number}"
            stage = partial(rows_with, column, COMPUTED[sign], number, bool(asked.compare))
        elif not random.randrange(3):
            ascending = random.randrange(2)
            text = f"sort {in_query(name)} {'asc' if ascending else 'desc'}"
            stage = partial(sorted_rows, column, ascending=bool(ascending))
        elif field == "time" and function in ("min", "max"):
            wanted = random.choice(self._lines).time
            text, stage = (
                f'where {in_query(name)}{space}{op}{space}"{wanted}"',
                partial(kept_rows, column, op, wanted),
            )
        else:
            number = random.choice([0, 1, 2, 5, 100])
            text, stage = (
                f"where {in_query(name)}{space}{op}{space}{number}",
                partial(kept_rows, column, op, number),
            )
        return attrs.evolve(asked, stage=f"{asked.stage} | {text}", of_rows=(*asked.of_rows, stage))

    def _name(self) -> str:
        random = self._random
        if self._patterns and random.randrange(2):
            return random.choice(list(self._patterns))
        others = (*_OF_LINE, *ALIASES, "status_class", "nosuch")
        name = random.choice([*self._fields, *self._fields, *others])
        if name in _OF_LINE:
            return name if random.randrange(2) else f"fields.{name}"
        return random.choice(["", "", "", "", "", "fields.", "syslog."]) + name

    def _field(self, name: str) -> Callable[[Line], list[str]]:
        patterns = self._patterns
        return lambda line: field_of(line, name, patterns)

    def _tree(self, depth: int) -> tuple[str, Test]:
        """A condition, and the function that tells whether it is true."""
        random = self._random
        kind = random.randrange(9) if depth else 9
        if kind > 3:
            return self._values() if kind == 4 else self._atom()
        if kind == 0:
            text, test = self._tree(depth - 1)
            bare = re.fullmatch(r"[a-z]\S*|\(.*\)", text) and "(" not in text[1:]
            negated = f"-{text}" if bare and random.randrange(2) else f"NOT ({text})"
            return negated, lambda line: not test(line)
        made = [self._tree(depth - 1) for _ in range(random.randrange(2, 4))]
        joint = " OR " if kind == 1 else random.choice([" ", " AND "])
        tests = [test for _, test in made]
        whole = f"({joint.join(f'({text})' for text, _ in made)})"
        return whole, any_of(tests) if kind == 1 else all_of(tests)

    def _atom(self) -> tuple[str, Test]:
        makers = [self._word, self._expression, self._comparison, self._comparison, self._level]
        makers += [self._order] * bool(self._amounts)
        return self._random.choice(makers)()

    def _order(self) -> tuple[str, Test]:
        """A comparison with an amount of the same kind."""
        random = self._random
        name, value = random.choice(self._amounts)
        wanted = value
        for _ in range(random.randrange(9)):
            wanted = random_amount(random)
            kinds = {one[0] for text in (value, wanted) if (one := amount_of(name, text))}
            if len(kinds - {""}) == 1:
                break
        op = random.choice(["=", "!=", *ORDERS])
        return f"{in_query(name)}{op}{phrase(wanted)}", self._test(
            name, lambda one, value: compares(one, value, op, wanted)
        )

    def _values(self) -> tuple[str, Test]:
        """More values of a field than are looked for one by one."""
        name = self._name()
        if name == "level":
            return self._level()
        known = self._known_values(name) or ["5"]
        some = [
            self._changed(self._random.choice(known)) for _ in range(self._random.randrange(5, 9))
        ]
        if self._random.randrange(2):
            text = f"{in_query(name)} in ({', '.join(map(phrase, some))})"
        else:
            text = " OR ".join(f"{in_query(name)}={phrase(value)}" for value in some)
        return f"({text})", self._test(
            name, lambda one, value: any(compares(one, value, "=", to) for to in some)
        )

    def _known_values(self, name: str) -> list[str]:
        fields = [field for _, field in self._asked_fields(name)]
        return sorted({value for line in self._lines for field in fields for value in field(line)})

    def _asked_fields(self, name: str) -> list[tuple[str, Callable[[Line], list[str]]]]:
        """The fields that a query asks for by a name, which may be that of another tool."""
        other = None if name in self._patterns else _OTHER_NAMES.get(name)
        return [(one, self._field(one)) for one in (name, other) if one]

    def _test(self, name: str, is_true: Callable[[str, str], bool]) -> Test:
        """Whether it is true of one value of a field. is_true: of the field's name and a value."""
        fields = self._asked_fields(name)
        return lambda line: any(
            is_true(name, value) for name, field in fields for value in field(line)
        )

    def _word(self) -> tuple[str, Test]:
        random = self._random
        message = random.choice(self._lines).message.decode("utf-8", "ignore")
        at = random.randrange(len(message) + 1)
        word = message[at : at + random.randrange(1, 12)]
        if not random.randrange(6):
            word = random.choice(["web", "tcp:", "06:0", "error", "No", ""])
        if random.randrange(2) and not re.search("[A-Z]", word):
            word = word.lower()
        if not random.randrange(4):
            word = word.swapcase()
        return phrase(word), lambda line: contains(line.text, word)

    def _expression(self) -> tuple[str, Test]:
        pattern = self._random.choice(_EXPRESSIONS)
        return f"/{pattern}/", lambda line: matches(line.text, pattern)

    def _level(self) -> tuple[str, Test]:
        random = self._random
        wanted = random.choice(list(LEVEL_OF))
        rank = LEVELS.index(LEVEL_OF[wanted])
        op = random.choice(["=", "!=", *ORDERS])
        # Other names mean the level only in an order: `severity=err` is that field.
        name = random.choice(NAMES_OF_LEVEL) if op in ORDERS else "level"
        written = random.choice([wanted, wanted.upper(), f'"{wanted}"'])
        order = {"=": operator.eq, "!=": operator.ne, **ORDERS}[op]
        return (
            f"{name}{op}{written}",
            lambda line: line.level is not None and order(LEVELS.index(line.level), rank),
        )

    def _comparison(self) -> tuple[str, Test]:
        random = self._random
        name = random.choice([self._name(), self._name(), *_OTHER_NAMES, "time", "message"])
        if not random.randrange(6):
            return f"{in_query(name)}=*", self._test(name, lambda *_: True)
        op = random.choice(["=", "=", "!=", ":", "~", *ORDERS])
        if op == "~":
            pattern = random.choice([r"^\d+$", r"b", r"^[a-z]+$", r"\.", r"\S\s", r"5", "B"])
            return f"{in_query(name)}~/{pattern}/", self._test(
                name, lambda _, value: matches(value, pattern)
            )
        others = [random_amount(random), str(random.randrange(600)), "bob"]
        known = [*self._known_values(name), ""]
        wanted = self._changed(random.choice(known if random.randrange(3) else others))
        if op in ORDERS and random.randrange(2):
            wanted = random_amount(random)
        if op in ORDERS and name in NAMES_OF_LEVEL:
            op = "="
        if name == "level" and op in ("=", "!="):
            return self._level()
        return f"{in_query(name)}{op}{phrase(wanted)}", self._test(
            name, lambda one, value: compares(one, value, op, wanted)
        )

    def _changed(self, value: str) -> str:
        """Another way to write a value, or a value near it, in UTF-8."""
        random = self._random
        number = number_of(value)
        if isinstance(number, int) and random.randrange(2):
            near = str(number + random.choice([-1, 0, 1]))
            return random.choice([near, f"{number}.0", f"+{abs(number)}", f"{number} ms"])
        if not random.randrange(3):
            value = random.choice([value.swapcase(), value[: random.randrange(len(value) + 1)]])
        return value.encode("utf-8", "ignore").decode()


def all_of(tests: Sequence[Test]) -> Test:
    return lambda line: all(test(line) for test in tests)


def any_of(tests: Sequence[Test]) -> Test:
    return lambda line: any(test(line) for test in tests)


def in_query(name: str) -> str:
    """The name of a field as a query has it."""
    plain = re.fullmatch(r"[A-Za-z_@][A-Za-z0-9_.@/-]*|größe|ma\u00efs", name)
    is_word = name in ("by", "asc", "desc", "OR")
    return name if plain and not is_word else "`" + name.replace("`", "``") + "`"


def phrase(text: str) -> str:
    """The text as a word or a value of a query; in quotation marks unless it surely needs none."""
    if re.fullmatch("[a-z0-9\u00e9][a-z0-9.\u00e9]*", text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
