"""What the CloudFormation of `ministack` 1.5.33 lacks for this project; each addition says why.

ministack is untyped and these are its private names: nothing of it leaves this module.
"""

import asyncio
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from .client_certificates import ApiError, ClientCertificates

__all__ = ["extend_cloudformation"]

Store = Callable[[], ClientCertificates]
"""The client certificates of the Region of the request at hand."""


def extend_cloudformation(store: Store) -> None:
    """Make all the additions of this module."""
    _provision_stages_with_certificates()
    _provision_client_certificates(store)
    _stop_a_create_before_a_delete()


def _provision_stages_with_certificates() -> None:
    """ministack's `AWS::ApiGateway::Stage` ignores `ClientCertificateId`."""
    v1: Any = import_module("ministack.services.apigateway_v1")
    handlers = import_module("ministack.services.cloudformation.provisioners")._RESOURCE_HANDLERS
    stage = handlers["AWS::ApiGateway::Stage"]
    create_stage, update_stage, delete_stage = (
        stage[name] for name in ("create", "update", "delete")
    )

    def carry(props: dict[str, Any]) -> None:
        id = props.get("ClientCertificateId", "")
        patch = {"op": "replace", "path": "/clientCertificateId", "value": id}
        status, _, body = v1._update_stage(
            props.get("RestApiId"), props.get("StageName"), {"patchOperations": [patch]}
        )
        if status >= 400:
            raise ValueError(f"AWS::ApiGateway::Stage failed: {body!r}")

    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        made = create_stage(logical_id, props, stack_name)
        try:
            carry(props)
        except ValueError:
            delete_stage(made[0], props)
            raise
        return made

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Any:
        updated = update_stage(physical_id, old, new, stack_name)
        carry(new)
        return updated

    stage["create"], stage["update"] = create, update


def _provision_client_certificates(store: Store) -> None:
    """ministack does not know the resource type `AWS::ApiGateway::ClientCertificate`."""
    provisioners = import_module("ministack.services.cloudformation.provisioners")

    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        made = store().generate(props.get("Description"), _tags(props))
        return made.id, {"ClientCertificateId": made.id}

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Any:
        certificates, tags = store(), _tags(new)
        description = new.get("Description", "")
        patch = {"op": "replace", "path": "/description", "value": description}
        certificates.update(physical_id, [patch])
        if gone := [key for key in _tags(old) if key not in tags]:
            certificates.untag(physical_id, gone)
        certificates.tag(physical_id, tags)
        return physical_id, {"ClientCertificateId": physical_id}

    def delete(physical_id: str, props: dict[str, Any]) -> None:
        try:
            store().delete(physical_id)
        except ApiError as error:
            if error.code != "NotFoundException":
                raise

    type_name = "AWS::ApiGateway::ClientCertificate"
    handlers = {"create": create, "update": update, "delete": delete}
    provisioners._RESOURCE_HANDLERS[type_name] = handlers
    # So that the stack's tags reach it and a change set says that it is updated in place.
    provisioners._STACK_TAG_PROPERTY[type_name] = ("Tags", "list")
    provisioners._REPLACING_PROPERTIES[type_name] = ()


def _stop_a_create_before_a_delete() -> None:
    """ministack goes on with a create beside the delete that should end it, and leaves a part.

    Here it is rolled back, and deleted then; on AWS the status says DELETE_IN_PROGRESS throughout.
    """
    cloudformation: Any = import_module("ministack.services.cloudformation")
    handlers: Any = import_module("ministack.services.cloudformation.handlers")
    stacks: Any = import_module("ministack.services.cloudformation.stacks")
    provision, delete = stacks._provision_resource, handlers._delete_stack_async

    def provision_unless_stopped(
        type_name: str, logical_id: str, props: dict[str, Any], stack_name: str
    ) -> Any:
        if cloudformation._stacks.get(stack_name, {}).get("_stopped"):
            raise ValueError("Resource creation cancelled")
        return provision(type_name, logical_id, props, stack_name)

    async def stop_and_delete(stack_name: str, *rest: Any, **options: Any) -> None:
        stack = cloudformation._stacks.get(stack_name, {})
        while stack.get("StackStatus") in {"CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"}:
            stack["_stopped"] = True
            await asyncio.sleep(0.02)
        await delete(stack_name, *rest, **options)

    stacks._provision_resource = provision_unless_stopped
    handlers._delete_stack_async = stop_and_delete


def _tags(props: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a template's resource, without the `aws:` ones, which only AWS may write."""
    tags = {tag["Key"]: tag["Value"] for tag in props.get("Tags", [])}
    return {key: value for key, value in tags.items() if not key.startswith("aws:")}
