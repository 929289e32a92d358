"""Messages of programs."""
