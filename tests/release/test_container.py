"""packaging/Containerfile by its text, as a builder is rarely there; and what the image is built from.

.github/workflows/scheduled.yml builds it and waits until it is healthy.
"""

from collections.abc import Callable, Iterable

import pytest

from tests.parts.scripts import script

requirements: Callable[[str, set[str]], Iterable[str]] = script("container.py")["requirements"]

METADATA = """Metadata-Version: 2.4
Name: logsrv
Requires-Dist: Twisted[tls]>=26.10
Requires-Dist: attrs>=25.4
Provides-Extra: sql
Requires-Dist: duckdb>=2.0; extra == "sql"
Provides-Extra: test
Requires-Dist: pytest>=8.4; extra == "test"
"""


def test_the_image_has_what_the_wheel_asks_for():
    assert list(requirements(METADATA, set())) == ["Twisted[tls]>=26.10", "attrs>=25.4"]
    assert list(requirements(METADATA, {"sql"}))[2:] == ["duckdb>=2.0"]
    with pytest.raises(ValueError, match="logsrv has no extra mongo"):
        list(requirements(METADATA, {"mongo"}))
