"""Origins: other stores whose lines are stored here, and up to which place of each."""
