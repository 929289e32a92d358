"""Origins: other stores whose lines are stored here, and how far each has come."""
