"""Texts for benchmarks are the same each time, and look like a store's."""

from __future__ import annotations

import re
from itertools import islice

import pytest

from bench.texts import KINDS, pages


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_text_is_made_again_by_its_seed_and_is_lines_with_stamps(kind: str) -> None:
    [page] = islice(pages(kind, 3), 1)
    assert [page] == [*islice(pages(kind, 3), 1)]
    assert page != next(pages(kind, 4))
    stamped = rb"(?:\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z tcp:[0-9.]+:\d+ [\t -~]+\n)+"
    assert re.fullmatch(stamped, page)
