"""The bytes of adapters and bases: digests, headers, settings, fingerprints and the store that places them."""
