"""Shipping: sends lines of the store to other machines; the store on disk is the only buffer."""
