"""Inspection of a running service by its operator: typed commands over a socket or SSH.

inspect_settings    the options --inspect, --metrics, --log-format
view                the commands and their answers
session             a session over a socket
ssh, ssh_sessions   sessions over SSH, with a terminal or without; keys says who may log in
"""
