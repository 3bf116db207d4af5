"""Verify the project's assumptions in a live AWS account: `make verify-live`."""
