"""The demonstration: the whole story on a scratch clone, with a real remote, a real agent and a real engine."""
