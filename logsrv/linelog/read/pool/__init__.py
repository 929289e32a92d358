"""Work on frames by all cores, their results in order."""
