"""The intake: what every input shares between its protocol and the store."""
