"""The fields of all lines of a text at once: lines of a kind are read together, into coded columns."""
