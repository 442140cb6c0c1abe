"""A thousand agents against one git server: see `measure`."""
