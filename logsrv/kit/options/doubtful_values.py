"""Warnings about values that are probably not what the operator wants, though they can be used.

Each of them comes from a declaration: `without_use`, `goes_with` and `unfit_values` of the settings, and
`advise` of a kind. Apart from `load.py`, which decides which value counts: this looks at values that do.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from logsrv.kit.options.declare import option_name, options_of, tables_of
from logsrv.kit.options.sources import GivenValues
from logsrv.kit.text.words import shown


def warnings_about(settings: object, given: GivenValues) -> Iterator[str]:
    """Yield a sentence for each doubtful value. given: the values from which the settings were made."""
    yield from _ignored_options(settings, given)
    yield from _unfit_values(settings, given)
    yield from _advice_sentences(settings, given)


def _ignored_options(settings: object, given: GivenValues) -> Iterator[str]:
    """Yield a sentence for each given option that is ignored, because the option it needs is not given."""
    tables = {one.shorthand: name for name, one in tables_of(type(settings)).items()}
    useless = dict(getattr(settings, "without_use", ()))
    for base in type(settings).__mro__:
        other = vars(base).get("goes_with")
        others = (other,) if isinstance(other, str) else other or ()
        if others and not any(getattr(settings, tables.get(one, one), None) for one in others):
            named = " or ".join(f"--{option_name(one)}" for one in others)
            useless |= dict.fromkeys(inspect.get_annotations(base), named)
    for name, what in useless.items():
        if name in given and given[name].value not in (None, (), False):
            yield (
                f"{given[name].origin}: --{option_name(name)} is ignored, because it needs {what},"
                " which is not given"
            )


def _unfit_values(settings: object, given: GivenValues) -> Iterator[str]:
    """Yield a sentence for each given value that does not fit another one."""
    for name, sentence in getattr(settings, "unfit_values", {}).items():
        if name in given:
            kind = options_of(type(settings))[name].kind
            said = shown(kind.show(given[name].value))
            yield f"{given[name].origin}: --{option_name(name)} {said}: {sentence}"


def _advice_sentences(settings: object, given: GivenValues) -> Iterator[str]:
    """Yield a sentence for each value that is probably a mistake."""
    # The tables that are made of a shorthand have its values, too: each is told of once.
    shorthands = {declared.shorthand for declared in tables_of(type(settings)).values()}
    options = options_of(type(settings))
    for name in options.keys() & given.keys() - shorthands:
        kind, one = options[name].kind, given[name]
        values = one.value if options[name].repeatable else (one.value,)
        for value in values or ():
            for sentence in kind.advise(value) if value is not None else ():
                said = shown(kind.show(value))
                yield f"{one.origin}: --{option_name(name)} {said}: {sentence}"
