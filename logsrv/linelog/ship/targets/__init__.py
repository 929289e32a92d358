"""Targets of `--ship`. To find them, each is a light module with its plugin:

    NAME.py          the plugin: schemes, what a URL may say, checks
    NAME_target.py   the work, imported by the process that ships: it sends, and waits for the answers

What a target writes is `linelog/formats/NAME/send.py`. No list names the targets: `ship/address.py` finds
their plugins.
"""
