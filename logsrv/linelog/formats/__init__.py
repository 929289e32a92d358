"""Wire formats: a folder for each; whoever knows one knows all.

    __init__.py   what the format is, who sends it, what is answered; and its plugin
    parse.py      bytes to records (sans-IO)
    input.py      the Protocol and the receiver of datagrams, or the routes of the `http` input
    send.py       records to bytes, where a target of `--ship` sends the format

A folder needs no entry elsewhere: `registry.py` finds the plugins of inputs, `http/routes.py` those of
formats over HTTP. `blocks` and `nats` are between two of us: `send.py` and `parse.py` serve both sides.
"""
