"""The construct that rotates the client certificate of stages before it expires."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn

import aws_cdk as cdk
import jsii
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from constructs import Construct, Dependable, IConstruct, IValidation

from . import _parameter_name, monitoring
from ._backend_checks import method_path, method_template_violation, method_violation
from ._base import ClientCertificateBase, check_id, create_custom_resource
from ._managed_stages import StageSettings, managed_stages, stage_path, stage_template_violation
from ._rotation import RUN_HOURS, Permissions, get_or_create_rotation
from ._stack_update_rule import input_template_violation
from ._stages import PresentingStage
from ._tags import CertificateTags
from .lambda_handler import contract
from .lambda_handler.contract import Metric, OwnTag, Property, RotatingProperty

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch

# Numbers rather than Durations: the first call to CDK takes a tenth of a second at import.
_DAY_SECONDS: Final = 86_400
_VALIDITY_SECONDS: Final = 365 * _DAY_SECONDS
_ROTATE_BEFORE_EXPIRY_DAYS: Final = 60
_OVERLAP_DAYS: Final = 14


@jsii.implements(cdk.ITaggableV2)
class RotatingClientCertificate(ClientCertificateBase):
    """A client certificate that is replaced before it expires, without a refused call.

    A function runs every hour, at each deploy that concerns it and after each update of a stage's
    stack. It issues the next certificate, publishes its PEM beside the current one, waits for
    `overlap`, asks the backend whether it accepts the next one, switches the stages, waits again,
    and deletes the old one. An example::

        certificate = RotatingClientCertificate(
            self,
            "BackendAuth",
            stages=[api.deployment_stage],
            trust_parameter_name="/orders/trusted-clients",
            backend_checks=[health],
        )
        certificate.trust_parameter.grant_read(backend_role)

    The stages' client certificate and the parameter belong to the function: no template may name
    them. `client_certificate_id`, `pem_encoded_certificate` and the other attributes are those of
    the certificate at the last deploy that changed this resource. They go stale at the next
    rotation, so a backend has to read the parameter instead.

    A change in a stage's template also changes a property of this resource, so that CloudFormation
    updates the resource after the stage, in the same deploy. A stage that changes only because the
    value of a CloudFormation parameter does is checked after the update of its stack.

    Args:
        scope: The parent construct.
        id: The construct ID. Another ID starts over with another certificate.
        stages: L1 or L2 stages of REST APIs and WebSocket APIs, in this stack or another one of
            the app with the same account and Region. Their templates name no client certificate.
        trust_parameter_name: The name of the SSM parameter that holds the PEMs to trust. It must
            not exist before, and cannot be changed later.
        description: Free text for all certificates, changed in place.
        tags: At most 42 tags for all certificates, changed in place.
        rotate_before_expiry: How long before it expires a certificate is replaced: 60 days by
            default, and between 2 * overlap + 1 day and 365 days - 2 * overlap - 1 day.
        overlap: How long both certificates are trusted before the switch, and after it. 14 days
            by default.
        backend_checks: Methods that the function calls with the next certificate before the switch
            (GET or HEAD, HTTP or HTTP_PROXY integration, no path parameters). Their REST APIs have
            a stage in `stages`.
        rotation_reason: Any text. A new one issues the next certificate without waiting for
            `rotate_before_expiry`.
        adopt_client_certificate_id: The ID of an existing certificate to begin with. It is never
            deleted.
        removal_policy: What happens to certificates, stages and parameter when this is removed
            from the stack. RETAIN leaves everything as it is.

    Raises:
        TypeError: `tags` does not map strings to strings.
        ValueError: An argument breaks one of these rules; the message has its value. More is
            checked when the app is synthesized, after all aspects and escape hatches.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stages: Sequence[PresentingStage],
        trust_parameter_name: str,
        description: str | None = None,
        tags: Mapping[str, str | None] | None = None,
        rotate_before_expiry: cdk.Duration | None = None,
        overlap: cdk.Duration | None = None,
        backend_checks: Sequence[apigateway.Method] = (),
        rotation_reason: str | None = None,
        adopt_client_certificate_id: str | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.DESTROY,
    ) -> None:
        super().__init__(scope, id)
        stack = cdk.Stack.of(self)
        if adopt_client_certificate_id is not None:
            check_id(self, adopt_client_certificate_id)
        self._existing_id = adopt_client_certificate_id
        if rotate_before_expiry is None:
            rotate_before_expiry = cdk.Duration.days(_ROTATE_BEFORE_EXPIRY_DAYS)
        if overlap is None:
            overlap = cdk.Duration.days(_OVERLAP_DAYS)
        self._check_times(rotate_before_expiry, overlap)
        if problem := _parameter_name.violation(trust_parameter_name):
            raise self._error(problem)
        try:
            self._stages = managed_stages(self, stages)
        except ValueError as error:
            raise self._error(str(error)) from None
        self._checks = list(backend_checks)
        rest_api_ids = [
            it.rest_api_id for it in self._stages if isinstance(it, apigateway.CfnStage)
        ]
        for method in self._checks:
            if problem := method_violation(method, rest_api_ids):
                raise self._error(problem)
        self._warn_of_unproven_stages()
        self.trust_parameter = self._import_parameter(trust_parameter_name)
        self._tags = CertificateTags(
            self,
            stack,
            {} if tags is None else tags,
            contract.ROTATING_RESOURCE_TYPE,
            OwnTag.ROTATING_COUNT,
        )
        stage_paths = [stage_path(stage) for stage in self._stages]
        method_paths = [method_path(method) for method in self._checks]
        properties = {
            Property.DESCRIPTION: description,
            Property.TAGS: self._tags.property,
            Property.ADOPT: adopt_client_certificate_id,
            RotatingProperty.STAGES: stage_paths,
            RotatingProperty.TRUST_PARAMETER: trust_parameter_name,
            RotatingProperty.ROTATE_BEFORE_EXPIRY: rotate_before_expiry.to_seconds(),
            RotatingProperty.OVERLAP: overlap.to_seconds(),
            RotatingProperty.CHECKS: method_paths or None,
            RotatingProperty.REASON: rotation_reason,
            RotatingProperty.STAGE_SETTINGS: cdk.Lazy.uncached_string(StageSettings(self._stages)),
        }
        rotation = get_or_create_rotation(stack)
        self._resource = create_custom_resource(
            self,
            stack,
            contract.ROTATING_RESOURCE_TYPE,
            properties,
            removal_policy,
            rotation.service_token,
        )
        self._resource.node.add_dependency(*self._stages)
        Dependable.implement(self.trust_parameter, _CreatedWith(self._resource))
        self._rule = rotation.add(
            self._resource,
            properties,
            Permissions(stage_paths, method_paths, self.trust_parameter.parameter_arn),
            list({it.node.addr: it for it in map(cdk.Stack.of, self._stages)}.values()),
        )
        self.node.add_validation(_Validation(self))

    @property
    def cdk_tag_manager(self) -> cdk.TagManager:
        """The tag manager that `Tags.of(…)` uses."""
        return self._tags.manager

    def attach_to(self, stage: PresentingStage) -> None:
        """Raise an error: list the stage in `stages` instead."""
        raise self._error(
            f"a template that names the certificate of stage {stage.node.path!r} would undo its "
            "rotation: list the stage in stages"
        )

    def publish_to_parameter(self, name: str) -> NoReturn:
        """Raise an error: use `trust_parameter` instead."""
        raise self._error(
            f"parameter {name!r} would have the PEM of one certificate only: use trust_parameter, "
            "which is rotated"
        )

    def grant_read(self, grantee: iam.IGrantable) -> NoReturn:
        """Raise an error: use `trust_parameter.grant_read` instead."""
        raise self._error(
            f"a permission of {grantee.grant_principal} for one certificate would end at its "
            "rotation: use trust_parameter.grant_read"
        )

    def alarm_on_check_failure(self, id: str, **options: Any) -> "cloudwatch.Alarm":
        """Create an alarm that fires when no run has succeeded for two hours.

        Args:
            id: The alarm's construct ID in the certificate's scope.
            options: Further arguments of `aws_cloudwatch.Alarm`, such as `alarm_name`.

        Returns:
            The alarm. It notifies nobody before you add an action to it.
        """
        return monitoring.alarm_on_check_failure(
            self, id, self._monitored(), interval=cdk.Duration.hours(RUN_HOURS), **options
        )

    def alarm_on_rotation_held(self, id: str, **options: Any) -> "cloudwatch.Alarm":
        """Create an alarm that fires while the backend refuses the next certificate.

        It fires when `RotationHeld` was 1 in three hours in a row, which gives a backend that is
        late two more hourly runs to load the parameter. It ignores missing data:
        `alarm_on_check_failure` is for that.

        Args:
            id: The alarm's construct ID in the certificate's scope.
            options: Further arguments of `aws_cloudwatch.Alarm`, such as `alarm_name`.

        Returns:
            The alarm. It notifies nobody before you add an action to it.
        """
        from aws_cdk import aws_cloudwatch as cloudwatch

        metric = cloudwatch.Metric(
            namespace=Metric.NAMESPACE,
            metric_name=Metric.ROTATION_HELD,
            dimensions_map=self._monitored(),
            statistic=cloudwatch.Stats.MINIMUM,
            period=cdk.Duration.hours(RUN_HOURS),
        )
        defaults = {
            "alarm_description": f"The backend of client certificate {self.node.path} refuses the "
            "next certificate, so the stages keep the current one: have it trust all PEMs of the "
            "parameter and reload",
            "treat_missing_data": cloudwatch.TreatMissingData.IGNORE,
        }
        return metric.create_alarm(
            self,
            id,
            comparison_operator=(cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD),
            threshold=1,
            evaluation_periods=3,
            **{**defaults, **options},
        )

    def problems(self) -> list[str]:
        """Return what is wrong with the templates, once overrides are applied."""
        found = [
            *filter(None, map(stage_template_violation, self._stages)),
            *filter(None, map(method_template_violation, self._checks)),
            *filter(None, [input_template_violation(self._rule)]),
        ]
        return [f"{self.node.path}: {problem}" for problem in found]

    def _monitored(self) -> dict[str, str]:
        """Return the metric's dimensions. The rotation prints the metric, so no check is added."""
        return monitoring.dimensions(self, self._metric_logical_id())

    def _error(self, problem: str) -> ValueError:
        return ValueError(f"{self.node.path}: {problem}")

    def _check_times(self, rotate_before_expiry: cdk.Duration, overlap: cdk.Duration) -> None:
        least = 2 * overlap.to_seconds() + _DAY_SECONDS
        most = _VALIDITY_SECONDS - least
        if least <= rotate_before_expiry.to_seconds() <= most:
            return
        value, overlapping = _days(rotate_before_expiry.to_seconds()), _days(overlap.to_seconds())
        if least > most:
            raise self._error(
                f"overlap is {overlapping}, which leaves no time between two rotations of a "
                f"certificate that is valid for 365 days: use at most "
                f"{_days((_VALIDITY_SECONDS - 2 * _DAY_SECONDS) / 4)}"
            )
        raise self._error(
            f"rotate_before_expiry is {value}, and overlap {overlapping}: it must be at least "
            f"2 * overlap + 1 day = {_days(least)}, and at most 365 days - 2 * overlap - 1 day = "
            f"{_days(most)}"
        )

    def _warn_of_unproven_stages(self) -> None:
        checked = {method.api.rest_api_id for method in self._checks}
        unproven = [
            stage.node.path
            for stage in self._stages
            if not isinstance(stage, apigateway.CfnStage) or stage.rest_api_id not in checked
        ]
        if unproven:
            cdk.Annotations.of(self).add_warning_v2(
                "cdk-apigateway-client-certificate:noBackendCheck",
                "nothing proves that the backends of these stages trust the next certificate "
                f"before they present it: {', '.join(unproven)}; pass a GET or HEAD method of "
                "their REST APIs in backend_checks",
            )

    def _import_parameter(self, name: str) -> ssm.IStringParameter:
        """Return the parameter by its name alone.

        Its ARN does not refer to the custom resource. Otherwise an API could not depend on a
        backend that may read the parameter: the custom resource depends on the API. A construct
        that needs the parameter to exist can call
        `node.add_dependency(certificate.trust_parameter)`.
        """
        return ssm.StringParameter.from_string_parameter_attributes(
            self,
            "TrustParameter",
            parameter_name=name,
            simple_name=not name.startswith("/"),
            # CDK would otherwise use a CloudFormation parameter, which is read before the deploy,
            # when the SSM parameter does not exist yet.
            force_dynamic_reference=True,
        )


def _days(seconds: float) -> str:
    return f"{seconds / _DAY_SECONDS:g} days"


class _CreatedWith(Dependable):
    """Makes what depends on the trust parameter depend on the custom resource that creates it."""

    def __init__(self, resource: cdk.CustomResource) -> None:
        super().__init__()
        self._resource = resource

    @property
    def dependency_roots(self) -> list[IConstruct]:
        return [self._resource]


@jsii.implements(IValidation)
class _Validation:
    def __init__(self, certificate: RotatingClientCertificate) -> None:
        self._certificate = certificate

    def validate(self) -> list[str]:
        return self._certificate.problems()
