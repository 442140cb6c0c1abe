"""Rules about the step from the trusted state to a proposed one; one family a file."""
