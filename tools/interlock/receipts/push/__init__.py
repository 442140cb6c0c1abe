"""Copies of a node's receipts: in a directory, at an https address, or under a git ref, each only ever added to."""
