"""The main use case on this machine: deploy, use, change and destroy (`make demo`)."""
