"""Origins: other stores whose lines this store has, each up to a known place."""
