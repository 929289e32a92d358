"""The language: text to a tree, with an error and its place, or a hint."""
