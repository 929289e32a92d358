"""All fuzz targets, by name."""

from tests.fuzz.target import TARGETS
from tests.fuzz.targets import bodies, events, gopher, lines, net, query, store

EVERY = dict(sorted(TARGETS.items()))
FILES = bodies, events, gopher, lines, net, query, store
