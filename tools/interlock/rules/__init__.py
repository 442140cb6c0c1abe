"""The rules: pure functions from gathered facts to findings, one family a file."""
