"""Cutting: what leaves a store, from a place on, once it is on the medium."""
