"""Benchmarks: this library and its yardsticks, side by side in the same run."""
