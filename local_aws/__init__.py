"""An AWS account on this machine: `ministack`, extended with API Gateway's client certificates.

```python
with LocalAws() as aws:
    aws.client("apigateway").generate_client_certificate(description="orders")
```

Run `python -m local_aws` to use it from a shell. `ClientCertificates` is the client certificate API
alone, without a server.
"""

from .client_certificates import ClientCertificates
from .invocations import Invocation
from .local import LocalAws, LocalAwsError
from .responses import ApiError, Response

__all__ = ["ApiError", "ClientCertificates", "Invocation", "LocalAws", "LocalAwsError", "Response"]
