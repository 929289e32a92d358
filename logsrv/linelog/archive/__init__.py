"""Archives: sealed segments with their indexes, kept in a directory or a bucket elsewhere."""
