"""The query language: a text becomes a tree, and a tree becomes a matcher that finds lines. No I/O."""
