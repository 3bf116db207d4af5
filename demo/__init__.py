"""`make demo`: deploy, use, update and destroy a certificate on this machine."""
