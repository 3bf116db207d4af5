"""AWS on this machine: `ministack` with API Gateway's client certificates added.

```python
with LocalAws() as aws:
    aws.client("apigateway").generate_client_certificate(description="mine")
```

or `python -m local_aws` for a shell. `ClientCertificates` is the API by itself, without a server.
"""

from .client_certificates import ApiError, ClientCertificates, Response
from .local import LocalAws, LocalAwsError

__all__ = ["ApiError", "ClientCertificates", "LocalAws", "LocalAwsError", "Response"]
