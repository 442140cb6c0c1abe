"""Statements about a revision's digest: what evidence says and about which bytes. Who says so is not judged here."""
