"""How fast `interlock check` judges a large repository: `generate` writes one, `measure` times it."""
