"""Options, declared once: kinds of values, sources, loading, `usage.Options`, help, reference page."""
