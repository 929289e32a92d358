"""Columns of a sealed segment: each field's values in all its lines, in a Parquet file beside the text.

They are made from the text, and can be removed and made again. So the text decides in any doubt.
"""


class OnlyTextTells(ValueError):
    """Columns lack an answer, are of another version, or gone: no damage, so the text is just read."""


class OfAnotherIndex(OnlyTextTells):
    """Columns belong to another index of their segment: its index is new, and they are made again soon."""
