"""The stages of APIs in `ministack`'s CloudFormation."""

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

__all__ = ["provision_stages"]

_CERTIFICATE: Final = "ClientCertificateId"
_DEPLOYMENT: Final = ("RestApiId", "StageName", "DeploymentId")


def provision_stages(deployed: Callable[[str, str], None], *, resets: bool) -> None:
    """Apply `ClientCertificateId` of stages in templates as CloudFormation does.

    Args:
        deployed: Called with the API's ID and the stage's name after a new deployment.
        resets: Whether an update of a stage removes a certificate that neither its former nor its
            new template names. What CloudFormation does is not documented.
    """
    provisioners: Any = import_module("ministack.services.cloudformation.provisioners")
    handlers = provisioners._RESOURCE_HANDLERS
    _provision_rest_stages(handlers["AWS::ApiGateway::Stage"], deployed, resets=resets)
    _provision_websocket_stages(handlers["AWS::ApiGatewayV2::Stage"], resets=resets)


def _provision_rest_stages(
    stage: dict[str, Any], deployed: Callable[[str, str], None], *, resets: bool
) -> None:
    """Apply the property, which ministack ignores."""
    v1: Any = import_module("ministack.services.apigateway_v1")
    create_stage, update_stage, delete_stage = (
        stage[name] for name in ("create", "update", "delete")
    )

    def set_certificate(props: dict[str, Any]) -> None:
        id = props.get(_CERTIFICATE, "")
        patch = {"op": "replace", "path": "/clientCertificateId", "value": id}
        status, _, body = v1._update_stage(
            props.get("RestApiId"), props.get("StageName"), {"patchOperations": [patch]}
        )
        if status >= 400:
            raise ValueError(f"AWS::ApiGateway::Stage failed: {body!r}")

    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        created = create_stage(logical_id, props, stack_name)
        try:
            set_certificate(props)
        except ValueError:
            delete_stage(created[0], props)
            raise
        deployed(props["RestApiId"], props["StageName"])
        return created

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Any:
        updated = update_stage(physical_id, old, new, stack_name)
        if resets or _CERTIFICATE in old | new:
            set_certificate(new)
        if any(old.get(name) != new.get(name) for name in _DEPLOYMENT):
            deployed(new["RestApiId"], new["StageName"])
        return updated

    stage["create"], stage["update"] = create, update


def _provision_websocket_stages(stage: dict[str, Any], *, resets: bool) -> None:
    """Keep a certificate that the template does not name, which ministack resets."""
    v2: Any = import_module("ministack.services.apigateway")
    update_stage = stage["update"]

    def update(
        physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any, **options: Any
    ) -> Any:
        def stored() -> dict[str, Any]:
            api_id, name = new.get("ApiId", ""), new.get("StageName", "$default")
            found: dict[str, Any] = v2._stages.get(api_id, {}).get(name) or {}
            return found

        id = stored().get("clientCertificateId")
        updated = update_stage(physical_id, old, new, *rest, **options)
        if id and not resets and _CERTIFICATE not in old | new:
            stored()["clientCertificateId"] = id
        return updated

    stage["update"] = update
