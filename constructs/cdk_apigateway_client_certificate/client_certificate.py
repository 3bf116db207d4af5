"""The construct: a client certificate, and what API Gateway tells of it."""

import functools
import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

import aws_cdk as cdk
import jsii
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from aws_cdk.interfaces import aws_apigateway as interfaces
from constructs import Construct, IConstruct

from ._pem_parameter import get_or_create_pem_parameter
from ._provider import get_or_create_service_token
from ._stages import PresentingStage, stage_resource
from ._tags import CertificateTags
from ._weak_reference import weak_reference
from .lambda_handler import contract
from .lambda_handler.contract import Attribute, Property
from .lambda_handler.physical_id import is_certificate_id

_ARN: Final = re.compile(r"arn:[^:]+:apigateway:(?P<region>[^:]+)::/clientcertificates/(?P<id>.+)")


class IClientCertificate(interfaces.IClientCertificateRef, cdk.IResource, Protocol):
    """A client certificate, created by this stack or not.

    Annotate with it what takes one. It is a CDK resource, so `.node`, `.stack` and `Tags.of(…)`
    work, and L1 constructs take it as it is: `CfnStage(client_certificate_id=certificate)`.
    `ClientCertificate` documents the members.
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


@jsii.implements(interfaces.IClientCertificateRef)
class _ClientCertificateBase(cdk.Resource):
    """What all client certificates have in common."""

    _resource: cdk.CustomResource
    _existing_id: str | None = None
    """The ID of the certificate that is looked up or adopted."""

    def __init__(self, scope: Construct, id: str, **environment: str) -> None:
        super().__init__(scope, id, **environment)
        self._attributes: dict[str, str] = {}

    @property
    def client_certificate_id(self) -> str:
        """The ID, for a stage's `client_certificate_id`."""
        return self._attribute(Attribute.ID)

    @property
    def client_certificate_arn(self) -> str:
        """`arn:{partition}:apigateway:{region}::/clientcertificates/{id}`."""
        return self._attribute(Attribute.ARN)

    @property
    def pem_encoded_certificate(self) -> str:
        r"""The certificate as PEM, about 1,200 characters: what a backend has to trust.

        Another stack of the app may use it: the reference is weak, since an export holds 1,024
        characters. So CloudFormation does not know that the other stack uses it; deploy that
        stack again when the certificate was replaced. For the same reason, give no output of it
        an `export_name`.

        It has line breaks, CRLF or LF, which make invalid JSON unless they are escaped. With
        `document = stack.to_json_string(…)`:

            Fn.join("\\n", Fn.split("\n", Fn.join("", Fn.split("\r", document))))
        """
        return self._attribute(Attribute.PEM)

    @property
    def created_date(self) -> str:
        """When it was issued: ISO 8601, UTC."""
        return self._attribute(Attribute.CREATED)

    @property
    def expiration_date(self) -> str:
        """Until when it is valid: ISO 8601, UTC."""
        return self._attribute(Attribute.EXPIRATION)

    @property
    def client_certificate_ref(self) -> interfaces.ClientCertificateReference:
        """What an L1 construct takes, as in `CfnStage(client_certificate_id=certificate)`."""
        return interfaces.ClientCertificateReference(
            client_certificate_id=self.client_certificate_id
        )

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let the grantee read this certificate: `GetClientCertificate`, which tells the PEM.

        Source: service authorization reference, "Actions for Amazon API Gateway Management".
        """
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["apigateway:GET"],
            resource_arns=[self.client_certificate_arn],
        )

    def attach_to(self, stage: PresentingStage) -> None:
        """Have a stage present this certificate to its HTTP integrations.

        The stage then refers to the certificate, so that CloudFormation creates the certificate
        before it changes the stage, and deletes it, or the one it replaces, after.

        Args:
            stage: an L1 or L2 stage of a REST API or of a WebSocket API.

        Raises:
            ValueError: it is a stage of an HTTP API, an imported stage, or none; or it presents
                another certificate.
        """
        try:
            resource = stage_resource(stage)
        except ValueError as error:
            raise ValueError(f"{self.node.path}: {error}") from None
        present = resource.client_certificate_id
        if present is not None and present != self.client_certificate_id:
            raise ValueError(
                f"{self.node.path}: stage {stage.node.path!r} presents client certificate "
                f"{present!r} already, and a stage presents one: remove either"
            )
        resource.client_certificate_id = self.client_certificate_id

    def publish_to_parameter(self, name: str) -> ssm.IStringParameter:
        """Publish the PEM to an SSM parameter, for backends that read it at run time.

        The parameter belongs to the certificate's stack, and its logical ID follows from its name.
        When another certificate is published under the same name, the parameter is updated in
        place. A second call with the same name returns the same parameter.

        Args:
            name: the parameter's name, such as `/orders/trusted-client`.

        Returns:
            The parameter. Its `grant_read` lets a backend read it.

        Raises:
            ValueError: another certificate of the stack is published under this name, or the name
                is a token that does not start with "/".
        """
        return get_or_create_pem_parameter(self, self.pem_encoded_certificate, name)

    def _attribute(self, name: str) -> str:
        # Asked for when it is read: most never are, and each is a call to Node.
        if name not in self._attributes:
            self._attributes[name] = self._unread_attribute(name)
        return self._attributes[name]

    def _unread_attribute(self, name: str) -> str:
        attribute = self._resource.get_att_string(name)
        if name != Attribute.PEM:
            return attribute
        return weak_reference(attribute, self, revision=self._existing_id)


@jsii.implements(cdk.ITaggableV2)
class ClientCertificate(_ClientCertificateBase):
    """A client certificate that API Gateway issues, and shows to backends.

    API Gateway makes the key pair, keeps the private key and signs the certificate itself; it is
    valid for 365 days and AWS does not renew it. The native `AWS::ApiGateway::ClientCertificate`
    does the same, but tells the ID only. All certificates of a stack share one Lambda function.

        certificate = ClientCertificate(self, "Certificate", description="calls of the orders API")
        certificate.attach_to(api.deployment_stage)
        cdk.CfnOutput(self, "Pem", value=certificate.pem_encoded_certificate)

    Args:
        scope: the parent.
        id: the construct ID; another one makes another certificate.
        description: free text; changed in place.
        tags: key to value, 47 at the most, since the certificate takes 50 and this resource needs
            3; changed in place. A value of None or `Aws.NO_VALUE` omits the tag. `Tags.of(…)` and
            a stack's tags reach it too.
        removal_policy: what becomes of the certificate when it leaves the stack.
        adopt_client_certificate_id: the ID of an existing certificate to manage instead of
            creating one. The stack describes and tags it but never deletes it, whatever the
            removal policy. It must not belong to another stack.

    Raises:
        TypeError: `tags` is no mapping of strings to strings.
        ValueError: a tag breaks a rule of API Gateway's (the message names both; a token is
            checked at deploy), or the ID of the certificate to adopt cannot be one.
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
            _check_id(self, adopt_client_certificate_id)
        self._existing_id = adopt_client_certificate_id
        stack = cdk.Stack.of(self)
        self._tags = CertificateTags(self, stack, {} if tags is None else tags)
        properties = {
            Property.DESCRIPTION: description,
            Property.TAGS: self._tags.rendered,
            Property.ADOPT: adopt_client_certificate_id,
        }
        self._resource = _custom_resource(
            self, stack, contract.RESOURCE_TYPE, properties, removal_policy
        )

    @property
    def cdk_tag_manager(self) -> cdk.TagManager:
        """Where `Tags.of(…)` puts the tags of this certificate."""
        return self._tags.manager

    @staticmethod
    def from_client_certificate_id(
        scope: Construct, id: str, client_certificate_id: str
    ) -> IClientCertificate:
        """A certificate that exists, with its ARN, PEM and dates, which are read at deploy.

        It is only read, whatever happens to the stack; and read again only when the ID changes.
        A deploy fails when it does not exist in this account and Region.

        Raises:
            ValueError: the ID cannot be one.
        """
        return _LookedUp(scope, id, client_certificate_id)

    @staticmethod
    def from_client_certificate_arn(
        scope: Construct, id: str, client_certificate_arn: str
    ) -> IClientCertificate:
        """As `from_client_certificate_id`, for an ARN, which must be of the stack's own Region.

        Raises:
            ValueError: it is no ARN of a client certificate, or one of another Region.
        """
        if cdk.Token.is_unresolved(client_certificate_arn):
            parts = cdk.Fn.split("/clientcertificates/", client_certificate_arn)
            return _LookedUp(scope, id, cdk.Fn.select(1, parts))
        arn = _ARN.fullmatch(client_certificate_arn)
        if not arn:
            raise ValueError(
                f"{client_certificate_arn!r} is not the ARN of a client certificate: write "
                "arn:{partition}:apigateway:{region}::/clientcertificates/{id}"
            )
        region = cdk.Stack.of(scope).region
        if not cdk.Token.is_unresolved(region) and arn["region"] != region:
            raise ValueError(
                f"client certificate {client_certificate_arn!r} is of another Region than its "
                f"stack, {region}: import it into a stack of {arn['region']}"
            )
        return _LookedUp(scope, id, arn["id"])

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
        """A certificate of which everything that is needed is known: nothing is looked up.

        Raises:
            ValueError: the ID cannot be one; and later, when an attribute is read that was not
                given.
        """
        return _Known(
            scope,
            id,
            {
                Attribute.ID: client_certificate_id,
                Attribute.PEM: pem_encoded_certificate,
                Attribute.CREATED: created_date,
                Attribute.EXPIRATION: expiration_date,
            },
        )


class _LookedUp(_ClientCertificateBase):
    """A certificate that the stack only reads, through a custom resource of a type of its own."""

    def __init__(self, scope: Construct, id: str, client_certificate_id: str) -> None:
        super().__init__(scope, id)
        _check_id(self, client_certificate_id)
        self._existing_id = client_certificate_id
        properties = {Property.LOOKUP: client_certificate_id}
        self._resource = _custom_resource(
            self, cdk.Stack.of(self), contract.LOOKUP_RESOURCE_TYPE, properties
        )


class _Known(_ClientCertificateBase):
    """A certificate whose attributes were given."""

    def __init__(self, scope: Construct, id: str, attributes: Mapping[str, str | None]) -> None:
        super().__init__(scope, id)
        given = {name: value for name, value in attributes.items() if value is not None}
        _check_id(self, given[Attribute.ID])
        stack = cdk.Stack.of(self)
        arn = f"arn:{stack.partition}:apigateway:{stack.region}::/clientcertificates/"
        self._attributes = {**given, Attribute.ARN: arn + given[Attribute.ID]}

    def _unread_attribute(self, name: str) -> str:
        raise ValueError(
            f"{self.node.path}: {name} is not known here: give it to "
            "from_client_certificate_attributes, or use from_client_certificate_id"
        )


@functools.cache
def _service_timeout() -> cdk.Duration:
    return cdk.Duration.seconds(contract.SERVICE_TIMEOUT_SECONDS)


def _custom_resource(
    scope: Construct,
    stack: cdk.Stack,
    resource_type: str,
    properties: Mapping[str, Any],
    removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.DESTROY,
) -> cdk.CustomResource:
    """The custom resource below a construct."""
    resource = cdk.CustomResource(
        scope,
        "Resource",
        resource_type=resource_type,
        service_token=get_or_create_service_token(stack),
        service_timeout=_service_timeout(),
        properties={name: value for name, value in properties.items() if value is not None},
        removal_policy=removal_policy,
    )
    # For escape hatches, which look for an L1 here.
    scope.node.default_child = resource.node.default_child
    return resource


def _check_id(construct: IConstruct, client_certificate_id: str) -> None:
    if not cdk.Token.is_unresolved(client_certificate_id) and not is_certificate_id(
        client_certificate_id
    ):
        raise ValueError(
            f"{construct.node.path}: {client_certificate_id!r} is not the ID of a client "
            "certificate: use what aws apigateway get-client-certificates shows"
        )
