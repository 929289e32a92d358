"""Tests have short ids, also with texts of megabytes as parameters."""

import pytest

TEXT = "0123456789" * 100_000


@pytest.mark.parametrize("value", [TEXT, TEXT.encode()])
def test_the_id_of_a_test_with_a_long_text_is_short(value, request):
    assert len(request.node.nodeid) < 300
    assert "[0123456789" in request.node.nodeid


def test_each_of_two_texts_that_begin_alike_has_an_id(pytestconfig, request):
    assert pytestconfig.pluginmanager.has_plugin("tests.short_ids")
    names = [item.name for item in request.session.items if item.path == request.path]
    assert len(names) == len({*names})
