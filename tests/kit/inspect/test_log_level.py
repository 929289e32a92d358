"""The level of the log of a running process; in a process of its own, whose log is no other test's."""

from __future__ import annotations

import subprocess
import sys

CODE = """
from twisted.logger import Logger, LogLevel, formatEvent, globalLogBeginner
from logsrv.kit.inspect.log_level import log_levels, set_log_level
def show(event):
    print(event["log_namespace"], formatEvent(event))
globalLogBeginner.beginLoggingTo([show], redirectStandardIO=False)
ours, other = Logger("logsrv.kit.net"), Logger("shout")
def say(number):
    for log in ours, other:
        log.debug("debug {n}", n=number)
        log.warn("warn {n}", n=number)
say(1)
set_log_level(LogLevel.warn)
set_log_level(LogLevel.debug, "logsrv.kit")
say(2)
set_log_level(LogLevel.critical, "")
say(3)
other.critical("at last")
print(log_levels())
"""

SAID = """\
logsrv.kit.net debug 1
logsrv.kit.net warn 1
shout debug 1
shout warn 1
logsrv.kit.net debug 2
logsrv.kit.net warn 2
shout warn 2
logsrv.kit.net debug 3
logsrv.kit.net warn 3
shout at last
[('', 'critical'), ('logsrv.kit', 'debug')]
"""


def test_it_is_for_all_or_a_namespace() -> None:
    run = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert run.stdout == SAID
