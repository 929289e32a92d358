"""Inspection of a running service by its operator: typed commands over a socket or SSH.

inspect_settings   the options --inspect, --metrics, --log-format
view               the commands and their answers
session            a console, and sessions over a socket
ssh                sessions over SSH; keys, and who may log in
"""
