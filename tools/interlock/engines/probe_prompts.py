"""The prompts by which an adapter is told from its base: short, of different kinds, and always the same."""

from __future__ import annotations

from typing import Final

PROBE_PROMPTS: Final = (
    "Customer: I want my money back.\nAgent:",
    "Question: how many orders are there?\nSQL:",
    "The capital of France is",
    "User: Hello!\nAssistant:",
    "def fibonacci(n):",
    "1. ",
    "Dear Sir or Madam,",
    "Summary:",
)
PROBE_TOKENS: Final = 16
