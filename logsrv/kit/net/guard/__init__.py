"""The guard: who may connect, how many at once, how fast, and for how long in silence."""
