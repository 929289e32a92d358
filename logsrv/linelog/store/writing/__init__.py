"""Writing: the threads that append to the active segment and sync it, and waiting until lines are safe."""
