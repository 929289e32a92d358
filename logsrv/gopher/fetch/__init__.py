"""Fetches answers: connecting, trust, time-outs, limits, and files that are whole or not at all."""
