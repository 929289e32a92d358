"""The list of leaves: what it says of each is what the plugins in its folder have."""

import pytest

from logsrv.linelog.formats.registry import INPUTS
from logsrv.linelog.intake.interfaces import InputFormat
from logsrv.linelog.leaves import LEAVES, Leaf
from logsrv.linelog.ship.address import PLUGINS


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.folder)
def test_a_leaf_has_the_inputs_and_the_targets_that_the_list_says(leaf: Leaf):
    inside = f"{leaf.module}."
    inputs = {
        name
        for name, one in INPUTS.ours().items()
        if (isinstance(one, InputFormat) and type(one).__module__ == leaf.module)
        or getattr(one, "reference", "").startswith(inside)
    }
    schemes = {
        scheme
        for plugin in PLUGINS.ours().values()
        if plugin.reference.startswith(inside)
        for scheme in plugin.schemes
    }
    assert (inputs, schemes) == ({*leaf.inputs}, {*leaf.schemes})
