"""What a rule found, what it means for a merge, and how it is shown."""
