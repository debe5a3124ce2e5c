"""Benchmarks and the fault run: `make bench`, or `python -m bench NAMES…`. What each measures: docs/performance.md."""
