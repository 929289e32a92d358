"""Reading: searches and views of a store, while the daemon goes on writing."""
