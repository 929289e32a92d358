"""Reading what is in an archive only, in as few round trips as possible."""
