"""One reader a forge, over its REST API, behind the Protocol of `approvals.reviews`."""
