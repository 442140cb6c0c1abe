"""Expressions of an organisation's own rules: typed, bounded, and evaluated behind one small interface."""
