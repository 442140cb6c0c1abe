"""The page for the person who approves a change: what it does, whether it fits, what is missing, how to take it back.

`page` puts it together from the outcome of a check; everything here is pure. Of the two trees it reads only what a
change concerns, so that a check may leave the rest unread: the touched pointers, the same adapters' pointers upstream,
all pointers of the touched environments; the environments of these; the adapters and revisions that they name, and
those that the change adds; the bases of these; the policies; the revocations.
"""
