"""The private and undocumented parts of Twisted that we use, each with its reason.

The parts of TLS are in `twisted_tls`. Tests check the behaviour that we rely on, with the oldest and the
newest Twisted that we support.
"""
