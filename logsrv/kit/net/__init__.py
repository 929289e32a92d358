"""Endpoints, listening, the guard, datagrams, draining: everything between a socket and a protocol."""

import os

# At import, Twisted's endpoints make a list of LISTEN_FDS numbers, which fails for twenty digits.
# `inherited_descriptors` still reports it: it reads the environment that the process began with.
if len(os.environ.get("LISTEN_FDS", "")) > 6:
    del os.environ["LISTEN_FDS"]
