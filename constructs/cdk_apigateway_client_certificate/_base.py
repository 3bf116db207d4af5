"""What all client certificates have in common, whether a stack creates them or not."""

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from aws_cdk.interfaces import aws_apigateway as interfaces
from constructs import Construct, IConstruct

from . import monitoring
from ._pem_parameter import get_or_create_pem_parameter
from ._provider import get_or_create_service_token
from ._stages import PresentingStage, stage_resource
from ._weak_reference import weak_reference
from .lambda_handler import contract
from .lambda_handler.contract import Attribute
from .lambda_handler.physical_id import is_certificate_id

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch


@jsii.implements(interfaces.IClientCertificateRef)
class ClientCertificateBase(cdk.Resource):
    """The members of every client certificate."""

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
        """The ARN, with the stack's partition and Region.

        Its form is `arn:{partition}:apigateway:{region}::/clientcertificates/{id}`.
        """
        return self._attribute(Attribute.ARN)

    @property
    def pem_encoded_certificate(self) -> str:
        r"""The certificate as PEM, about 1,100 characters. A backend has to trust it.

        Other stacks of the app can use it. The reference is weak, because a CloudFormation export
        has at most 1,024 characters. CloudFormation therefore does not know that another stack
        uses the PEM: deploy that stack again after the certificate was replaced. For the same
        reason, do not give an output of it an `export_name`.

        The PEM has line breaks, CRLF or LF, which have to be escaped in JSON. With
        `document = stack.to_json_string(…)`::

            Fn.join("\\n", Fn.split("\n", Fn.join("", Fn.split("\r", document))))
        """
        return self._attribute(Attribute.PEM)

    @property
    def created_date(self) -> str:
        """When the certificate was issued, in ISO 8601, UTC."""
        return self._attribute(Attribute.CREATED)

    @property
    def expiration_date(self) -> str:
        """When the certificate expires, in ISO 8601, UTC."""
        return self._attribute(Attribute.EXPIRATION)

    @property
    def client_certificate_ref(self) -> interfaces.ClientCertificateReference:
        """The reference that L1 constructs use in `CfnStage(client_certificate_id=certificate)`."""
        return interfaces.ClientCertificateReference(
            client_certificate_id=self.client_certificate_id
        )

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Grant permission to read this certificate and its PEM (`GetClientCertificate`).

        Source: service authorization reference, "Actions for Amazon API Gateway Management".
        """
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["apigateway:GET"],
            resource_arns=[self.client_certificate_arn],
        )

    def attach_to(self, stage: PresentingStage) -> None:
        """Make a stage present this certificate to its HTTP integrations.

        The stage then refers to the certificate, so CloudFormation creates the certificate before
        it changes the stage, and deletes a replaced certificate after that.

        Args:
            stage: An L1 or L2 stage of a REST API or a WebSocket API.

        Raises:
            ValueError: It is a stage of an HTTP API, an imported stage or no stage at all, or it
                presents another certificate.
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
            name: The parameter's name, such as `/orders/trusted-client`.

        Returns:
            The parameter. Its `grant_read` lets a backend read it.

        Raises:
            ValueError: Another certificate of the stack is published under this name, or the name
                is a token that does not start with "/".
        """
        return get_or_create_pem_parameter(self, self.pem_encoded_certificate, name)

    def metric_days_to_expiry(self, **options: Any) -> "cloudwatch.Metric":
        """Return the metric `DaysToExpiry`, by default the minimum over a day.

        It is negative once the certificate has expired, and -1 if the certificate is gone. The
        first call of this method, or of one of the three below, makes the stack's function check
        the certificate every 12 hours (docs/how-to/monitor.md).

        Args:
            options: Further arguments of `aws_cloudwatch.Metric`, such as `label` and `period`.
        """
        return monitoring.metric_days_to_expiry(self, self._monitored(), **options)

    def alarm_on_expiry(
        self, id: str, *, within: cdk.Duration | None = None, **options: Any
    ) -> "cloudwatch.Alarm":
        """Create an alarm that fires when the certificate expires soon, has expired or is gone.

        Missing data changes nothing: `alarm_on_check_failure` is for that.

        Args:
            id: The alarm's construct ID in the certificate's scope.
            within: How long before the expiration it fires. 30 days by default.
            options: Further arguments of `aws_cloudwatch.Alarm`, such as `alarm_name`.

        Returns:
            The alarm. It notifies nobody before you add an action to it.

        Raises:
            ValueError: `within` is not positive, or is more than 365 days.
        """
        return monitoring.alarm_on_expiry(self, id, self._monitored(), within=within, **options)

    def alarm_on_check_failure(self, id: str, **options: Any) -> "cloudwatch.Alarm":
        """Create an alarm that fires when no check of the certificate succeeds for a day.

        Args:
            id: The alarm's construct ID in the certificate's scope.
            options: Further arguments of `aws_cloudwatch.Alarm`, such as `alarm_name`.

        Returns:
            The alarm. It notifies nobody before you add an action to it.
        """
        return monitoring.alarm_on_check_failure(self, id, self._monitored(), **options)

    def days_to_expiry_widget(
        self, *, within: cdk.Duration | None = None, **options: Any
    ) -> "cloudwatch.GraphWidget":
        """Return a graph for a dashboard, with a line where the expiry alarm fires.

        Args:
            within: That of the expiry alarm. 30 days by default.
            options: Further arguments of `aws_cloudwatch.GraphWidget`, such as `width`.

        Raises:
            ValueError: `within` is not positive, or is more than 365 days.
        """
        return monitoring.days_to_expiry_widget(self, self._monitored(), within=within, **options)

    def _monitored(self) -> dict[str, str]:
        """Return the metric's dimensions, once the certificate is among those checked."""
        dimensions = monitoring.dimensions(self, self._metric_logical_id())
        monitoring.add_to_schedule(self, dimensions, self.client_certificate_id)
        return dimensions

    def _metric_logical_id(self) -> str:
        """Return the `LogicalResourceId` that the handler receives."""
        resource = self._resource.node.default_child
        assert isinstance(resource, cdk.CfnElement)
        return resource.logical_id

    def _attribute(self, name: str) -> str:
        # Created at its first use: most are never used, and each takes a call to Node.
        if name not in self._attributes:
            self._attributes[name] = self._create_attribute(name)
        return self._attributes[name]

    def _create_attribute(self, name: str) -> str:
        attribute = self._resource.get_att_string(name)
        if name != Attribute.PEM:
            return attribute
        return weak_reference(attribute, self, revision=self._existing_id)


@functools.cache
def _service_timeout() -> cdk.Duration:
    return cdk.Duration.seconds(contract.SERVICE_TIMEOUT_SECONDS)


def create_custom_resource(
    scope: Construct,
    stack: cdk.Stack,
    resource_type: str,
    properties: Mapping[str, Any],
    removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.DESTROY,
    service_token: str | None = None,
) -> cdk.CustomResource:
    """Create the custom resource of a certificate.

    Args:
        scope: The certificate.
        stack: The certificate's stack.
        resource_type: The type in the template.
        properties: The properties, of which those that are None are left out.
        removal_policy: What happens to the certificate when it is removed from the stack.
        service_token: The ARN of the function. By default, that of the function that the stack's
            certificates share.
    """
    resource = cdk.CustomResource(
        scope,
        "Resource",
        resource_type=resource_type,
        service_token=service_token or get_or_create_service_token(stack),
        service_timeout=_service_timeout(),
        properties={name: value for name, value in properties.items() if value is not None},
        removal_policy=removal_policy,
    )
    # Escape hatches expect an L1 construct here.
    scope.node.default_child = resource.node.default_child
    return resource


def check_id(construct: IConstruct, client_certificate_id: str) -> None:
    """Check the ID of an existing certificate, unless it is a token.

    Raises:
        ValueError: It cannot be the ID of a client certificate.
    """
    if not cdk.Token.is_unresolved(client_certificate_id) and not is_certificate_id(
        client_certificate_id
    ):
        raise ValueError(
            f"{construct.node.path}: {client_certificate_id!r} is not the ID of a client "
            "certificate: use one that aws apigateway get-client-certificates lists"
        )
