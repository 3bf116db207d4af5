"""AWS on this machine: `ministack` with API Gateway's client certificates added."""
