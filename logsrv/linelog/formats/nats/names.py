"""Names that a URL of NATS has: of streams, and of the prefix of JetStream's subjects (no I/O)."""

import re

PORT = 4222
"""The default port of NATS."""
STREAM = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""The name of a stream."""
API = "$JS.API"
"""The prefix of JetStream's subjects, unless another account exports them under another prefix."""
PREFIX = re.compile(r"[A-Za-z0-9$_-]{1,64}(\.[A-Za-z0-9$_-]{1,64}){0,7}")
"""A valid prefix of JetStream's subjects."""
