"""Reading: searches and views of a store, beside the daemon that writes it."""
