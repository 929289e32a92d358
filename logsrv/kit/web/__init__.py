"""HTTP for plugins on Twisted Web: connections with limits, and checks of who asks."""
