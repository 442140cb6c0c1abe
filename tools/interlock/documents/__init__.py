"""Typed documents: what a repository may hold, read strictly, with the position of every value."""
