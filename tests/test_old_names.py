"""Arguments under their old names: accepted, with a warning that names the new one."""

from typing import Any

import pytest

from logsrv.inputs import HttpFormat, InputFormat
from logsrv.kit import LineProtocol
from logsrv.kit.testing import MemoryService


@pytest.mark.parametrize("made", [InputFormat, HttpFormat])
def test_the_place_of_a_format_is_its_reference(made: Any):
    with pytest.warns(FutureWarning, match=f"^place= of {made.__name__} is called reference= now$"):
        old = made("notes", place="notes:Notes", about="us")
    assert (
        old
        == made("notes", "notes:Notes", "us")
        == made("notes", reference="notes:Notes", about="us")
    )
    with pytest.warns(FutureWarning, match=f"^place of {made.__name__} is called reference now$"):
        assert old.place == "notes:Notes"


def test_a_warning_names_the_line_that_has_the_old_name():
    with pytest.warns(FutureWarning) as warned:
        InputFormat("notes", place="notes:Notes")  # type: ignore[call-arg]
    assert [one.filename for one in warned] == [__file__]


def test_the_place_of_a_far_side_is_its_endpoint():
    service = MemoryService(LineProtocol)
    with pytest.warns(
        FutureWarning, match=r"^place= of MemoryService.far is called endpoint= now$"
    ):
        assert service.far(place="tcp:far:1") is service.far("tcp:far:1")  # type: ignore[call-arg]


def test_both_names_at_once_are_refused():
    with pytest.raises(TypeError, match="reference"), pytest.warns(FutureWarning):
        InputFormat("notes", "notes:Notes", place="other:Other")  # type: ignore[call-arg]
