"""The data path: an ASGI middleware that turns an alias into the revision that git says. Standard library only."""
