"""Shipping: sending the lines of the store to other machines. The store on disk is the only buffer.

The targets are not here: each is in the folder of its format (`linelog/formats`), or one of its own.
"""

from logsrv.linelog.parts.part import Part

part = Part(
    "ship",
    "lines go on to other machines",
    options="logsrv.linelog.ship.ship_settings:ShipOptions",
    work="logsrv.linelog.ship.ship_part:ShipPart",
    rank=20,
)
