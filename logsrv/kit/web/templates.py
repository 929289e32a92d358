"""Jinja templates: a missing value is an error, and templates of pages escape all values."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def template_environment(folder: Path, *, html: bool = True) -> Environment:
    """Return the templates in a folder. html: true for pages, false for text, which is not escaped."""
    return Environment(
        loader=FileSystemLoader(folder),
        autoescape=html,  # noqa: S701 (text that is no page)
        keep_trailing_newline=not html,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
