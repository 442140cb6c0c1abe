"""Signed receipts: what a node served and since when, as a chain of records that nobody changes unnoticed."""
