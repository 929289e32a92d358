"""Sentences about values that are not used, because a stronger source gives the same option; for the log
and `logsrv check`.

Nothing is wrong with that, but whoever sets a variable and sees no change looks for the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from logsrv.kit.options.declare import option_name
from logsrv.kit.options.sources import COMMAND_LINE, GivenValue, GivenValues


def unused_values(levels: Sequence[GivenValues], labels: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each value that is not used, because a stronger source gives another value for
    the option.

    levels: the values of each source, the strongest first. labels: as in `SettingsSources`.
    """
    used: GivenValues = {}
    for level in levels:
        for attribute, given in level.items():
            stronger = used.setdefault(attribute, given)
            if stronger.value != given.value:
                label = labels.get(attribute, f"--{option_name(attribute)}")
                yield f"{given.origin}: not used, because {_also_given(stronger, label)}"


def unused_tables(origin: str, key: str, stronger: GivenValue, shorthand: str) -> str:
    """Return a sentence about tables of the file that are not used, because another source gives the
    `shorthand` of these tables.
    """
    label = f"--{option_name(shorthand)}"
    return f"{origin}, [[{key}]]: not used, because {_also_given(stronger, label)}"


def _also_given(stronger: GivenValue, label: str) -> str:
    if stronger.origin == COMMAND_LINE:
        return f"{label} is on the command line"
    return f"{stronger.origin.rpartition(' ')[2]} is in the environment"
