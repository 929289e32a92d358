"""Sites: places where a service listens, with what serves them."""
