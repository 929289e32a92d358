"""Templates, which fail where a value is missing; those of pages escape all that is put into them."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def templates(folder: Path, *, html: bool = True) -> Environment:
    """Return the templates in a folder. html: those of pages; else, of text that is written as it is."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=html,  # noqa: S701 (text that is no page)
        keep_trailing_newline=not html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
