"""Makes the tiny base and the adapters of the living example at the root of this repository.

Run by hand, as `PYTHONPATH=tools python -m living_example --out DIR`, when a recipe under `adapters/*/recipes/`
changes; the results are then registered like anybody's. Nothing in `interlock` imports this package.
"""
