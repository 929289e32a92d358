"""TLS: certificates of ours and of peers, and Twisted's TLS as we use it."""
