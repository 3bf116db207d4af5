"""The stack that `app.py` deploys: one client certificate and its outputs."""

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from .client_certificate import ClientCertificate


class ClientCertificateStack(cdk.Stack):
    """A stack with one `ClientCertificate`, whose ID, PEM and expiration date are outputs.

    Args:
        scope: The app, or a stage of it.
        id: The construct ID, and the stack's name unless `stack_name` is given.
        description: The certificate's description, not the stack's.
        tags: The certificate's tags, not the stack's.
        generation: A number or text that becomes part of the certificate's construct ID. Another
            value replaces the certificate: CloudFormation creates the new one, then deletes the
            old one.
        stack_props: Further arguments of `aws_cdk.Stack`, such as `stack_name` and `env`.

    Raises:
        TypeError: `tags` does not map strings to strings.
        ValueError: A tag breaks a rule of API Gateway.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        description: str | None = None,
        tags: Mapping[str, str | None] | None = None,
        generation: int | str | None = None,
        **stack_props: Any,
    ) -> None:
        super().__init__(scope, id, **stack_props)
        self.certificate = ClientCertificate(
            self,
            f"ClientCertificate{'' if generation is None else generation}",
            description=description,
            tags=tags,
        )
        cdk.CfnOutput(self, "ClientCertificateId", value=self.certificate.client_certificate_id)
        # No output has an export name: an export holds 1,024 characters, and a PEM is longer.
        cdk.CfnOutput(self, "PemEncodedCertificate", value=self.certificate.pem_encoded_certificate)
        cdk.CfnOutput(self, "ExpirationDate", value=self.certificate.expiration_date)


def parse_tags(text: object) -> dict[str, str]:
    """Parse tags of the form `key=value,key=value`. An empty text has none.

    A value may be empty and may contain `=`. Spaces around a pair are ignored.

    Raises:
        ValueError: It is not a text (cdk.json can contain anything), a part is not a pair, or a key
            appears twice.
    """
    if not isinstance(text, str):
        raise _unreadable(text, "it is not a text")
    tags: dict[str, str] = {}
    for pair in text.split(",") if text.strip() else []:
        key, _, value = pair.strip().partition("=")
        if not key or "=" not in pair:
            raise _unreadable(text, f"{pair!r} is not of the form key=value")
        if key in tags:
            raise _unreadable(text, f"the key {key!r} appears twice")
        tags[key] = value
    return tags


def _unreadable(text: object, problem: str) -> ValueError:
    return ValueError(f"cannot read the tags {text!r}: {problem}; write key=value,key=value")
