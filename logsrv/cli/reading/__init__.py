"""Parts that the reading commands share: search, tail, show, replay, sql."""
