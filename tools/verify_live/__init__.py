"""Settles in a live AWS account what was not verified without one: `make verify-live`."""
