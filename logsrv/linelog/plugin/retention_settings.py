"""The tables `[[retention]]`: which lines are kept in a store of their own, and for how long."""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs

from logsrv.kit.options.declare import REQUIRED, option
from logsrv.kit.options.kinds import DAYS, NAME, SIZE, Kind
from logsrv.kit.text.words import listed
from logsrv.linelog.query.option_kinds import QUERY
from logsrv.linelog.store.rule_stores import KeptFor
from logsrv.linelog.store.segment import STORE_NAME


def _parse_rule_name(text: str) -> str:
    if not re.fullmatch(STORE_NAME, text):
        raise ValueError("not a name of a store")
    return text


RULE_NAME: Kind[str] = Kind(
    _parse_rule_name, "up to 32 small letters, digits and dashes, a letter first", "NAME"
)
# Kinds of their own: a rule must not take the general --keep-days, whose lines it keeps for longer.
_DAYS = attrs.evolve(DAYS, accepted=f"{DAYS.accepted}, for the lines of the rule")
_SIZE = attrs.evolve(SIZE, accepted=f"{SIZE.accepted}, for the lines of the rule")


@attrs.frozen(kw_only=True, slots=False)
class RetentionSettings:
    """A rule: lines that fit it are stored in DIR/stores/NAME. Raises ValueError for one that fits none.

    Without `keep_days` and `keep_bytes` it keeps all lines: it takes neither from the general options.
    """

    name: str = option(REQUIRED, RULE_NAME, "the lines are stored in DIR/stores/NAME")
    match: str | None = option(None, QUERY, "lines that match this and no earlier rule")
    listener: str | None = option(None, NAME, "all lines of the listener with this name")
    keep_days: float | None = option(None, _DAYS, "remove segments of this store older than this")
    keep_bytes: int | None = option(
        None, _SIZE, "remove the oldest segments of this store beyond this size"
    )

    def __attrs_post_init__(self) -> None:
        if (self.match is None) == (self.listener is None):
            raise ValueError(
                f"[[retention]] {self.name} needs either match or listener: which lines it is for"
            )
        for name in ("keep_days", "keep_bytes"):
            if (value := getattr(self, name)) is not None and not value > 0:
                raise ValueError(f"[[retention]] {self.name}: {name} has to be more than 0")

    @property
    def kept_for(self) -> KeptFor:
        """The limits of its store."""
        return KeptFor(self.keep_days, self.keep_bytes)


def require_fitting_rules(
    rules: Sequence[RetentionSettings], inputs_by_name: dict[str, set[str]]
) -> None:
    """Raise ValueError for two rules of one name, and for a rule of a listener that is not there.

    inputs_by_name: the inputs of the listeners with each name.
    """
    names = [one.name for one in rules]
    if twice := next((one for one in names if names.count(one) > 1), None):
        raise ValueError(f"[[retention]] {twice} is given twice; one rule has one store")
    for one in rules:
        if one.listener is None:
            continue
        if one.listener not in inputs_by_name:
            known = f"; named are {listed(sorted(inputs_by_name))}" if inputs_by_name else ""
            raise ValueError(
                f"[[retention]] {one.name}: no [[listener]] has the name {one.listener}{known}"
            )
        if blocks := inputs_by_name[one.listener] & {"blocks", "nats"}:
            raise ValueError(
                f"[[retention]] {one.name}: listener {one.listener} ({min(blocks)}) takes the blocks of"
                " other stores, which stay together in the main store; leave out this rule"
            )
