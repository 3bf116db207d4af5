"""The construct: a client certificate, and what API Gateway tells of it."""

from collections.abc import Mapping

import aws_cdk as cdk
from constructs import Construct

from . import _provider
from .lambda_handler import contract
from .lambda_handler.tags import violation


class ClientCertificate(cdk.Resource):
    """A client certificate that API Gateway issues, and shows to backends.

    API Gateway makes the key pair, keeps the private key and signs the certificate itself; it is
    valid for 365 days and AWS does not renew it. The native `AWS::ApiGateway::ClientCertificate`
    does the same, but tells the ID only. All certificates of a stack share one Lambda function.

        certificate = ClientCertificate(self, "Certificate", description="calls of the orders API")
        cdk.CfnOutput(self, "Pem", value=certificate.pem_encoded_certificate)

    Args:
        scope: the parent.
        id: the construct ID; another one makes another certificate.
        description: free text; changed in place.
        tags: key to value, 47 at the most, since the certificate takes 50 and this resource needs
            3; changed in place. Checked at synth, tokens at deploy.
        removal_policy: what becomes of the certificate when it leaves the stack.

    Raises:
        ValueError: a tag breaks a rule of API Gateway's; the message names tag and rule.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.DESTROY,
    ) -> None:
        super().__init__(scope, id)
        tags = tags or {}
        if rule := violation(_known(tags)):
            raise ValueError(f"{self.node.path}: {rule}")

        properties: dict[str, object] = {}
        if description is not None:
            properties[contract.Property.DESCRIPTION] = description
        if tags:
            # Sorted: the order in which they were written is no change of the template.
            properties[contract.Property.TAGS] = [
                {"Key": key, "Value": value} for key, value in sorted(tags.items())
            ]
        self._resource = cdk.CustomResource(
            self,
            "Resource",
            resource_type=contract.RESOURCE_TYPE,
            service_token=_provider.service_token(self),
            service_timeout=cdk.Duration.seconds(contract.SERVICE_TIMEOUT_SECONDS),
            properties=properties,
            removal_policy=removal_policy,
        )
        # For escape hatches and `apply_removal_policy`, which look for an L1 here.
        self.node.default_child = self._resource.node.default_child

    @property
    def client_certificate_id(self) -> str:
        """The ID, for a stage's `client_certificate_id`."""
        # An attribute like the others: `Ref` gives the physical ID, which is the same for a
        # certificate, but is the resource's affair and not a user's.
        return self._resource.get_att_string(contract.Attribute.ID)

    @property
    def client_certificate_arn(self) -> str:
        """`arn:{partition}:apigateway:{region}::/clientcertificates/{id}`."""
        return self._resource.get_att_string(contract.Attribute.ARN)

    @property
    def pem_encoded_certificate(self) -> str:
        """The certificate as PEM, about 1,200 characters: what a backend has to trust.

        An export holds 1,024 characters, so do not give it an `export_name`.
        """
        return self._resource.get_att_string(contract.Attribute.PEM)

    @property
    def created_date(self) -> str:
        """When it was issued: ISO 8601, UTC."""
        return self._resource.get_att_string(contract.Attribute.CREATED)

    @property
    def expiration_date(self) -> str:
        """Until when it is valid: ISO 8601, UTC."""
        return self._resource.get_att_string(contract.Attribute.EXPIRATION)


def _known(tags: Mapping[str, str]) -> dict[str, str]:
    """What can be checked before the deploy: keys that are no tokens, and values likewise."""
    return {
        key: "" if cdk.Token.is_unresolved(value) else value
        for key, value in tags.items()
        if not cdk.Token.is_unresolved(key)
    }
