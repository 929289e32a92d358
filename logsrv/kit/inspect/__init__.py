"""Inspection of a running service by its operator: typed commands over a socket or SSH.

An operator asks a service for its peers, its metrics, its tasks and the level of its log. Through a UNIX
socket, only the owner of the socket and root can connect. Through SSH, everybody whose public key is in a
certain file can connect. The service evaluates Python code only if it was started with `--inspect-python`.

Its modules:

inspect_settings   the options --inspect, --metrics, --log-format
_view              the commands and their answers
_session           a console, and sessions over a socket
_ssh               sessions over SSH; keys, and who may log in
"""
