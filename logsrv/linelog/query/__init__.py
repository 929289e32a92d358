"""The query language: text to a tree, a tree to something that finds lines; sans-IO."""
