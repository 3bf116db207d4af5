"""The stages whose client certificate a rotation manages."""

from collections.abc import Iterable, Sequence

import aws_cdk as cdk
import jsii
from aws_cdk import aws_apigateway as apigateway
from constructs import IConstruct

from ._rendered import digest, forget_rendered, rendered
from ._stages import PresentingStage, StageResource, stage_resource


def managed_stages(
    certificate: IConstruct, stages: Sequence[PresentingStage]
) -> list[StageResource]:
    """Return the L1 constructs of the stages that are to present a certificate.

    Raises:
        ValueError: There is none, one is listed twice, one is in another account or Region, or
            one cannot present a certificate. The message does not begin with the path of a
            construct.
    """
    if not stages:
        raise ValueError("stages is empty: list at least one stage that is to present it")
    found: dict[str, StageResource] = {}
    for stage in stages:
        resource = stage_resource(stage)
        if resource.node.addr in found:
            raise ValueError(f"stage {stage.node.path!r} is listed twice: remove one")
        here, there = cdk.Stack.of(certificate), cdk.Stack.of(resource)
        if (here.account, here.region) != (there.account, there.region):
            raise ValueError(
                f"stage {resource.node.path!r} is in {there.environment}, and this certificate in "
                f"{here.environment}: create a RotatingClientCertificate in each account and Region"
            )
        found[resource.node.addr] = resource
    return list(found.values())


def stage_path(stage: StageResource) -> str:
    """Return `/restapis/{id}/stages/{name}`, or `/apis/…` for a WebSocket API."""
    if isinstance(stage, apigateway.CfnStage):
        return f"/restapis/{stage.rest_api_id}/stages/{stage.ref}"
    return f"/apis/{stage.api_id}/stages/{stage.ref}"


def stage_template_violation(stage: StageResource) -> str | None:
    """Return an error message if a stage's template names a client certificate, else None."""
    present = rendered(stage).get("Properties", {}).get("ClientCertificateId")
    if present is None:
        return None
    return (
        f"the template of stage {stage.node.path!r} names client certificate {present!r}, so a "
        "deploy could undo a rotation: remove it (to go on with that certificate, pass its ID as "
        "adopt_client_certificate_id)"
    )


@jsii.implements(cdk.IStringProducer)
class StageSettings:
    """A hash of the stages as they are in the templates."""

    def __init__(self, stages: Iterable[StageResource]) -> None:
        self._stages = stages

    def produce(self, context: cdk.IResolveContext) -> str:
        if context.preparing:  # each synthesis begins so, before anything is rendered
            forget_rendered()
            return ""
        return digest([rendered(stage) for stage in self._stages])
