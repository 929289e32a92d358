"""Blocks of other stores, which a centre receives over HTTP."""
