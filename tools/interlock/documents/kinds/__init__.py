"""The kinds of documents, one module for each part of a repository (see docs/documents.md)."""
