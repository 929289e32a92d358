"""A plugin for workers of xdist: they send one report of a test that passes, not five messages."""

import pytest
from _pytest.runner import runtestprotocol

# The seconds from which --durations may list a setup or a teardown.
LONG = 0.1


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool:
    """Run a test, and report its call, and a setup or a teardown that has not passed or was long."""
    for report in runtestprotocol(item, log=False, nextitem=nextitem):
        if report.when == "call" or not report.passed or report.duration > LONG:
            item.ihook.pytest_runtest_logreport(report=report)
    return True
