"""People, what they said about a change, and what counts: no git here, and nothing that judges a document."""
