"""Blocks out of a stream of NATS: what a centre fetches."""
