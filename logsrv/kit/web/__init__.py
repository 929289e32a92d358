"""HTTP for plugins on Twisted Web: connections with limits, and whom to answer."""
