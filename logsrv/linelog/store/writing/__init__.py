"""Writing: the thread that appends to the active segment, and waiting until lines are safe."""
