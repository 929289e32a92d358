"""The base classes that authors write their protocols with, and the connection under them."""
