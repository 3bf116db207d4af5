"""The benchmarks: this construct and its handler beside their peers, in the same run.

`python -m bench` runs all of them, `python -m bench cold_start asset` some. Each writes what it
found into docs/benchmarks.json, from which the tables in docs/benchmarks.md and the plots are made.
"""
