"""Help texts about topics, manual pages, and completions for shells."""
