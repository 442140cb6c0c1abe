"""What docs/benchmarks.md reports, measured as ratios within one run. Run all: `make bench`."""
