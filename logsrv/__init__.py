"""logsrv: a line logger, a greeting server and a Gopher client, and the kit they are made with.

A line of log walks through these folders in this order:

    kit/net                 an endpoint string becomes a listening service behind a guard
    linelog/inputs          thin Protocols: bytes from a transport, answers back to it
    linelog/framing         bytes in at any split, blocks of whole lines out (no I/O)
    linelog/batch           what flows from there: block, source, time
    linelog/store           one append-only log: write, rotate, seal, recover, retain

`greet` and `gopher` stand on the same `kit`; `linelog.plugin` is where all parts of the logger meet.
"""

__version__ = "0.1.1"
