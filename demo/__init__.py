"""The main job on this machine: deploy, prove the certificate, change it, destroy (`make demo`)."""
