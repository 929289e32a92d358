"""Targets of `--ship`. To find them, each is a light module with its plugin:

    NAME.py          plugins: schemes, what a URL may say, checks
    NAME_target.py   the work, imported by the process that ships: it sends, and waits for the answers

What a target writes is the `send.py` of its format in `linelog/formats`: Kafka gets that of `ndjson`. No
list names the targets: `ship/address.py` finds their plugins.
"""
