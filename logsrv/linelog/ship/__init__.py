"""Shipping: lines of the store go on to other machines; the store on disk is the only buffer."""
