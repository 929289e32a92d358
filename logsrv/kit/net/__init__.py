"""Endpoints, listening, the guard, datagrams, draining: everything between a socket and a protocol."""

import os

# Twisted makes a list of so many numbers when its endpoints are imported, which fails for twenty digits.
# `inherited_descriptors` tells of it: the environment that the process began with has it still.
if len(os.environ.get("LISTEN_FDS", "")) > 6:
    del os.environ["LISTEN_FDS"]
