"""Benchmarks of this construct and its handler beside their peers."""
