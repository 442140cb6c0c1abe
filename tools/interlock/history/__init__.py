"""Git as the source of truth: commits, trees and the history of pointers, read through one bounded wrapper."""
