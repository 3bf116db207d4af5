"""Rotates a client certificate behind `Custom::ApiGatewayRotatingClientCertificate`.

A run goes one way through the files: `task` or `resource` (what started it) → `run` (one loop) →
`observe` (what is there) → `plan` (what to do, pure) → `carry_out` (one step) → the services.

Nothing is remembered between runs. What a run needs to know of an earlier one is in the tags of
the certificates, and everything else is observed: certificates, stages and the trust bundle.
"""
