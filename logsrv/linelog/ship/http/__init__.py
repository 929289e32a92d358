"""HTTP as shippers speak it: where to, over which connection, and what an answer means."""
