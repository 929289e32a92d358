"""Archives: sealed segments with their indexes, kept in a directory or an object store elsewhere."""
