"""The construct that creates a client certificate, and the interface of all of them."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

import aws_cdk as cdk
import jsii
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from aws_cdk.interfaces import aws_apigateway as interfaces
from constructs import Construct

from ._base import ClientCertificateBase, check_id, create_custom_resource
from ._existing import Known, LookedUp
from ._stages import PresentingStage
from ._tags import CertificateTags
from .lambda_handler import contract
from .lambda_handler.contract import Attribute, Property

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch

_ARN: Final = re.compile(r"arn:[^:]+:apigateway:(?P<region>[^:]+)::/clientcertificates/(?P<id>.+)")


class IClientCertificate(interfaces.IClientCertificateRef, cdk.IResource, Protocol):
    """A client certificate, created by this stack or not.

    Use it as the type of arguments that accept any client certificate. It is a CDK resource, so
    `.node`, `.stack` and `Tags.of(…)` work, and an L1 construct accepts it in place of an ID:
    `CfnStage(client_certificate_id=certificate)`. `ClientCertificate` documents the members.
    """

    @property
    def client_certificate_id(self) -> str: ...
    @property
    def client_certificate_arn(self) -> str: ...
    @property
    def pem_encoded_certificate(self) -> str: ...
    @property
    def created_date(self) -> str: ...
    @property
    def expiration_date(self) -> str: ...
    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant: ...
    def attach_to(self, stage: PresentingStage) -> None: ...
    def publish_to_parameter(self, name: str) -> ssm.IStringParameter: ...
    def metric_days_to_expiry(self, **options: Any) -> "cloudwatch.Metric": ...
    def alarm_on_expiry(
        self, id: str, *, within: cdk.Duration | None = None, **options: Any
    ) -> "cloudwatch.Alarm": ...
    def alarm_on_check_failure(self, id: str, **options: Any) -> "cloudwatch.Alarm": ...
    def days_to_expiry_widget(
        self, *, within: cdk.Duration | None = None, **options: Any
    ) -> "cloudwatch.GraphWidget": ...


@jsii.implements(cdk.ITaggableV2)
class ClientCertificate(ClientCertificateBase):
    """A client certificate that API Gateway issues and presents to backends.

    API Gateway creates the key pair, keeps the private key and signs the certificate itself. The
    certificate is valid for 365 days, and AWS does not renew it. The native resource
    `AWS::ApiGateway::ClientCertificate` issues the same certificate but returns only its ID. All
    certificates of a stack share one Lambda function. An example::

        certificate = ClientCertificate(self, "Certificate", description="calls of the orders API")
        certificate.attach_to(api.deployment_stage)
        cdk.CfnOutput(self, "Pem", value=certificate.pem_encoded_certificate)

    Args:
        scope: The parent construct.
        id: The construct ID. Another ID creates another certificate.
        description: Free text, changed in place.
        tags: At most 47 tags, changed in place: a certificate has at most 50, and this resource
            needs 3. A value of None or `Aws.NO_VALUE` omits the tag. `Tags.of(…)` and the stack's
            tags reach the certificate too.
        removal_policy: What happens to the certificate when it is removed from the stack.
        adopt_client_certificate_id: The ID of an existing certificate to manage instead of
            creating one. The stack describes and tags it but never deletes it, whatever the
            removal policy. It must not belong to another stack.

    Raises:
        TypeError: `tags` does not map strings to strings.
        ValueError: A tag breaks a rule of API Gateway (tokens are checked at deploy), or
            `adopt_client_certificate_id` is not the ID of a client certificate.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        description: str | None = None,
        tags: Mapping[str, str | None] | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.DESTROY,
        adopt_client_certificate_id: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        if adopt_client_certificate_id is not None:
            check_id(self, adopt_client_certificate_id)
        self._existing_id = adopt_client_certificate_id
        stack = cdk.Stack.of(self)
        self._tags = CertificateTags(self, stack, {} if tags is None else tags)
        properties = {
            Property.DESCRIPTION: description,
            Property.TAGS: self._tags.property,
            Property.ADOPT: adopt_client_certificate_id,
        }
        self._resource = create_custom_resource(
            self, stack, contract.RESOURCE_TYPE, properties, removal_policy
        )

    @property
    def cdk_tag_manager(self) -> cdk.TagManager:
        """The tag manager that `Tags.of(…)` uses."""
        return self._tags.manager

    @staticmethod
    def from_client_certificate_id(
        scope: Construct, id: str, client_certificate_id: str
    ) -> IClientCertificate:
        """Import an existing certificate by its ID.

        Its PEM and dates are read at deploy, and again only when the ID changes. The stack never
        changes or deletes it. The deploy fails if it does not exist in the stack's account and
        Region.

        Raises:
            ValueError: The ID is not that of a client certificate.
        """
        return LookedUp(scope, id, client_certificate_id)

    @staticmethod
    def from_client_certificate_arn(
        scope: Construct, id: str, client_certificate_arn: str
    ) -> IClientCertificate:
        """Import an existing certificate by its ARN, as `from_client_certificate_id` does.

        Raises:
            ValueError: The ARN is not that of a client certificate, or of another Region than the
                stack's.
        """
        if cdk.Token.is_unresolved(client_certificate_arn):
            parts = cdk.Fn.split("/clientcertificates/", client_certificate_arn)
            return LookedUp(scope, id, cdk.Fn.select(1, parts))
        arn = _ARN.fullmatch(client_certificate_arn)
        if not arn:
            raise ValueError(
                f"{client_certificate_arn!r} is not the ARN of a client certificate: write "
                "arn:{partition}:apigateway:{region}::/clientcertificates/{id}"
            )
        region = cdk.Stack.of(scope).region
        if not cdk.Token.is_unresolved(region) and arn["region"] != region:
            raise ValueError(
                f"client certificate {client_certificate_arn!r} is in another Region than its "
                f"stack, {region}: import it into a stack of {arn['region']}"
            )
        return LookedUp(scope, id, arn["id"])

    @staticmethod
    def from_client_certificate_attributes(
        scope: Construct,
        id: str,
        *,
        client_certificate_id: str,
        pem_encoded_certificate: str | None = None,
        created_date: str | None = None,
        expiration_date: str | None = None,
    ) -> IClientCertificate:
        """Import an existing certificate whose attributes are known. Nothing is looked up.

        Raises:
            ValueError: The ID is not that of a client certificate. Also raised later, by an
                attribute that was not given.
        """
        return Known(
            scope,
            id,
            {
                Attribute.ID: client_certificate_id,
                Attribute.PEM: pem_encoded_certificate,
                Attribute.CREATED: created_date,
                Attribute.EXPIRATION: expiration_date,
            },
        )
