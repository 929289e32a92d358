"""logsrv: a line logger, a greeting server and a Gopher client, and the kit they are made with.

A received line passes through these folders in this order:

    kit/net                 an endpoint string becomes a listening service, protected by a guard
    linelog/formats         a folder for each wire format: bytes to records, the Protocol, records to bytes
    linelog/intake          the way into the store, and the base classes of inputs
    linelog/lines           bytes in any pieces become blocks of whole lines (no I/O)
    linelog/batch           the objects that are passed on from there: block, source, time
    linelog/store           one append-only log: write, rotate, seal, recover, retain

Readers need only the files of the store:

    linelog/fields          the fields of a line, a folder for each form of text; the level (no I/O)
    linelog/columns         the fields of a sealed segment, in a Parquet file beside it
    linelog/query           text becomes a tree, and that a matcher (no I/O)
    linelog/read            plan, search, follow, count, show
    linelog/stages          what may stand behind a `|`, a file for each stage
    linelog/commands        `logsrv search`, `tail`, `show` …

`greet` and `gopher` use the same `kit`. `linelog.plugin` puts the parts of the logger together.
"""

__version__ = "1.0.0"
