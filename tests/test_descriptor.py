"""A descriptor is closed at the end of its `with` block, also after an error."""

import os

import pytest

from logsrv.descriptor import Descriptor


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def test_a_descriptor_is_closed_at_the_end_of_its_block(tmp_path):
    with Descriptor(os.open(tmp_path, os.O_RDONLY)) as descriptor:
        assert is_open(descriptor)
    assert not is_open(descriptor)


def test_an_error_closes_the_descriptor_and_is_raised(tmp_path):
    descriptor = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(ValueError, match="of the caller"), Descriptor(descriptor):
        raise ValueError("of the caller")
    assert not is_open(descriptor)
