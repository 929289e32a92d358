"""The `blocks` input of a centre: blocks of other stores over HTTP, each stored exactly once.

A block is answered when it is on the disk.
"""

from logsrv.linelog.intake.interfaces import InputFormat
from logsrv.linelog.intake.options import OVER_HTTP

blocks = InputFormat(
    "blocks",
    "logsrv.linelog.formats.blocks.input:Blocks",
    "another logsrv that ships its store: --ship https://...",
    options=OVER_HTTP,
)
