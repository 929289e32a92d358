"""Wire formats: a folder for each; whoever knows one knows all.

    __init__.py   what the format is, who sends it, what is answered; and its plugins
    parse.py      bytes to records (sans-IO)
    input.py      the Protocol and the receiver of datagrams, or the routes of the `http` input
    send.py       lines to bytes (sans-IO)
    target.py     the target of `--ship` that sends it, imported by the process that ships

A folder needs no entry elsewhere: tables find the plugins of inputs (`registry.py`), those of formats over
HTTP (`intake/over_http/http_format.py`) and those of targets (`ship/address.py`). Nothing outside imports a
folder, so each can be taken away (`linelog/leaves.py`). What several share is in `intake/over_http`
(requests), `intake/blocks` (blocks of other stores), `ship` (connections), `fields/outgoing.py` and
`read/outgoing_json.py` (what is sent).
"""
