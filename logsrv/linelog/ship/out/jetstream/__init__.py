"""JetStream of NATS: what the target and the input of its streams share."""
