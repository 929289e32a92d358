"""Options: their declaration, kinds of values, sources, loading, `usage.Options`, help."""
