"""The ready-made stack: one client certificate and its outputs."""

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from constructs import Construct

from .client_certificate import ClientCertificate


class ClientCertificateStack(cdk.Stack):
    """A stack with one `ClientCertificate`, whose ID, PEM and expiration date are outputs.

    Args:
        scope: the app, or a stage of it.
        id: the construct ID, and the stack's name unless `stack_name` is given.
        description: the certificate's description, not the stack's.
        tags: the certificate's tags, not the stack's.
        generation: a number or text that becomes a part of the certificate's construct ID. Another
            one replaces the certificate: CloudFormation creates the new one, then deletes the old.
        stack_props: what `aws_cdk.Stack` takes besides: `stack_name`, `env`, …

    Raises:
        TypeError: `tags` is no mapping of strings to strings.
        ValueError: a tag breaks a rule of API Gateway's; the message names tag and rule.
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
    """The tags that a text of the form `key=value,key=value` stands for; none for an empty text.

    A value may be empty, and may hold a `=`. Spaces around a pair do not count.

    Raises:
        ValueError: it is no text (cdk.json can hold anything), a part is no pair, or a key comes
            twice; the message names it.
    """
    if not isinstance(text, str):
        raise _unreadable(text, "it is no text")
    tags: dict[str, str] = {}
    for pair in text.split(",") if text.strip() else []:
        key, _, value = pair.strip().partition("=")
        if not key or "=" not in pair:
            raise _unreadable(text, f"{pair!r} is not of the form key=value")
        if key in tags:
            raise _unreadable(text, f"the key {key!r} comes twice")
        tags[key] = value
    return tags


def _unreadable(text: object, problem: str) -> ValueError:
    return ValueError(f"cannot read the tags {text!r}: {problem}; write key=value,key=value")
