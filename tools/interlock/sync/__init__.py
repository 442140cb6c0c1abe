"""The agent: desired → observed → plan → apply → report, on each serving node."""
