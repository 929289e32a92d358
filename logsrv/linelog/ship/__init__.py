"""Shipping: sending the lines of the store to other machines. The store on disk is the only buffer.

In the daemon: ship_part has the settings (ship_settings, findings), `shipping` starts a process for each
target and knows its state (status, reported_target). The process, without the daemon's memory and sockets:

ship_child          begins there and makes the target
shipper             asks one of the senders for what is next, sends it, waits for the answer
line_sender         lines, in batches, when they are durable here
block_sender        blocks of lines as they stand in the store, made by cut
segment_sender      whole segments
progress            saves how far it is, in the place (ship_place, store_places)

address names a target, messages go between daemon and process. Targets are in the folders of their formats
(`linelog/formats`) or have one of their own; `targets` has what they are made of.
"""

from logsrv.linelog.parts.part import Part

part = Part(
    "ship",
    "lines go on to other machines",
    options="logsrv.linelog.ship.ship_settings:ShipOptions",
    work="logsrv.linelog.ship.ship_part:ShipPart",
    rank=20,
)
