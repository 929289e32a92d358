"""A plugin: a long text or bytes among a test's parameters gives its id only a beginning and a length.

Each test has its id in the environment, and each report has it: megabytes cost seconds and memory. pytest 9
leaves out long texts; 8 does not.
"""

import pytest

LONGEST = 120
_BEGINNING = 60


@pytest.hookimpl
def pytest_make_parametrize_id(val: object) -> str | None:
    """Return the part of a test's id for a long value; None for others, whose part is pytest's own."""
    if not isinstance(val, str | bytes) or len(val) <= LONGEST:
        return None
    text = val if isinstance(val, str) else val[:_BEGINNING].decode("latin-1")
    return f"{text[:_BEGINNING]}…{len(val)}"
