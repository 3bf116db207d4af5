"""`make demo` and `make demo-rotation`: use and rotate a certificate on this machine."""
