"""A browser that dies in a test: the test says so, and the next one has another."""

import os
import signal

import pytest

from tests.parts.chromium import Chromium

pytestmark = pytest.mark.long


def test_a_browser_that_dies_fails_no_other_test():
    with Chromium() as browser:
        page = browser.page("data:text/html,<p>one")
        page.wait("document.querySelector('p')")
        os.killpg(browser.process.pid, signal.SIGKILL)
        with pytest.raises(AssertionError, match="Chromium has ended"):
            page.wait("false")
        browser.close_pages()
        browser.restart_if_ended()
        page = browser.page("data:text/html,<p>two")
        page.wait("document.querySelector('p').textContent === 'two'")
