"""Rotates a client certificate behind `Custom::ApiGatewayRotatingClientCertificate`.

A run goes one way through the files: `task` or `resource` (what started it) → `run` (the loop) →
`observe` (read the state) → `plan` (decide, pure) → `carry_out` (one step) → `services` (act).

A run keeps nothing in memory or in a database for the next one. It reads the certificates, the
stages and the trust bundle; what else it has to know of earlier runs is in the certificates' tags.
"""
