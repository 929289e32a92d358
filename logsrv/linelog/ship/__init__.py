"""Shipping: sending the lines of the store to other machines. The store on disk is the only buffer.

The targets are not here: each is in the folder of its format (`linelog/formats`), or one of its own.
"""
