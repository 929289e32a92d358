"""The private and undocumented parts of Twisted that we use, each with why it is needed.

Those of TLS are in `twisted_tls`. The tests of both say by behaviour what is relied on,
and run with the oldest and the newest Twisted that we support.
"""
