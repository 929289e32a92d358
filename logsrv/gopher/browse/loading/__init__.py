"""Pages and files on their way, and all that a run of the browser remembers."""
