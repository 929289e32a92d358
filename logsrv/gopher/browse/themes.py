"""The two themes, as Textual has them."""

from __future__ import annotations

from textual.theme import Theme

from logsrv.gopher.browse import palette

DARK = Theme(name="gopher-dark", dark=True, variables=palette.DARK_PAGE, **palette.DARK)  # type: ignore[arg-type]
LIGHT = Theme(name="gopher-light", dark=False, variables=palette.LIGHT_PAGE, **palette.LIGHT)  # type: ignore[arg-type]
