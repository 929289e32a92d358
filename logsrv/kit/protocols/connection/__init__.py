"""The connection under every base class: states, waiting senders, errors of authors."""
