"""Help beyond a command's own: texts about topics, manual pages, completions of shells."""
