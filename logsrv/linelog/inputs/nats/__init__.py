"""Blocks that a centre fetches from a NATS stream."""
