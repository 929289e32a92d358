"""What splits lines into columns: Arrow, if it is loaded, or Python."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import strategies as st

ENGINES = st.sampled_from(["Arrow", "Python"])


@contextmanager
def split_by(engine: str) -> Iterator[None]:
    """Load Arrow, or hide it."""
    with pytest.MonkeyPatch.context() as patch:
        if engine == "Arrow":
            pytest.importorskip("pyarrow")
        else:
            patch.delitem(sys.modules, "pyarrow", raising=False)
        yield
