"""The language: a text becomes a tree, or an error with its place; some queries get a hint."""
