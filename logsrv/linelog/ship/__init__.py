"""Shipping: sending the lines of the store to other machines. The store on disk is the only buffer.

In the daemon:

ship_part           the part: its options (ship_settings, findings), the start, a reload, the stop
target_processes    starts, changes and ends a process for each target (TargetProcesses)
target_monitor      counts and logs what the process of a target reports (TargetMonitor)

In the process of a target, without the daemon's memory and sockets:

ship_child          begins there: makes the target and the loop, and reports to the daemon (ShipperProcess)
send_loop           prepares, sends, waits for the answer, pauses after a failure (SendLoop); each step is
                    one of the sender's (SendSteps), which is one of these three:
line_sender         lines to a LineTarget, in batches (batches), when they are durable here (durable)
block_sender        blocks of lines as they stand in the store, made by cut, to a BlockTarget
segment_sender      whole segments to a SegmentTarget
progress            saves how far it is, in the place (ship_place, store_positions)

On both sides, and in commands: address names a target; orders go to the process of a target, reports come
back; status is the state of a target, written by its process, read by the daemon and by `logsrv ship`.

Targets are in the folders of their formats
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
