"""The audit: history replayed commit by commit, and everything in it that would not have been allowed."""
