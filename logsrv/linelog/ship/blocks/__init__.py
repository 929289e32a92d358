"""Blocks: pieces of a segment as they leave one store and enter another."""
