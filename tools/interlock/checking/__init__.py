"""The checker: gather facts from a tree, run the rules over them, return findings and a verdict."""
