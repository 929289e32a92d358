"""Shipping: sending the lines of the store to other machines. The store on disk is the only buffer."""
