"""Blocks of other stores, which come over HTTP or from NATS: a centre checks each, and stores it once."""
