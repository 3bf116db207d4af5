"""Extends the CloudFormation of `ministack` 1.5.33. Each function names what ministack lacks."""

import asyncio
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from .client_certificates import ClientCertificates
from .ministack_exports import protect_imported_exports
from .responses import ApiError

__all__ = ["extend_cloudformation"]

Store = Callable[[], ClientCertificates]
"""Returns the client certificates of the Region of the current request."""

_NO_CHANGES: Final = "The submitted information didn't contain changes."


def extend_cloudformation(store: Store) -> None:
    """Apply all extensions of CloudFormation."""
    _keep_carriage_returns_of_outputs()
    _provision_client_certificates(store)
    _detect_changed_attributes()
    _accept_change_sets_of_outputs()
    _cancel_create_before_delete()
    _keep_dependencies_of_failed_deletes()
    protect_imported_exports()


def _service(name: str) -> Any:
    """Import a module of ministack, late because it reads its environment on import."""
    return import_module(f"ministack.services.{name}")


def _keep_carriage_returns_of_outputs() -> None:
    """Escape carriage returns as AWS does: XML parsers read bare ones as line feeds."""
    handlers = _service("cloudformation.handlers")
    escape = handlers._esc
    handlers._esc = lambda text: escape(text).replace("\r", "&#xD;")


# Resource types


def _provision_client_certificates(store: Store) -> None:
    """Add the resource type `AWS::ApiGateway::ClientCertificate`, which ministack lacks."""
    provisioners = _service("cloudformation.provisioners")

    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        certificate = store().generate(props.get("Description"), _tags(props))
        return certificate.id, {"ClientCertificateId": certificate.id}

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Any:
        certificates, tags = store(), _tags(new)
        description = new.get("Description", "")
        patch = {"op": "replace", "path": "/description", "value": description}
        certificates.update(physical_id, [patch])
        if removed := [key for key in _tags(old) if key not in tags]:
            certificates.untag(physical_id, removed)
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
    # Propagate the stack's tags, and report updates in place in change sets.
    provisioners._STACK_TAG_PROPERTY[type_name] = ("Tags", "list")
    provisioners._REPLACING_PROPERTIES[type_name] = ()


def _tags(props: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags of a resource, without those of AWS (`aws:`)."""
    tags = {tag["Key"]: tag["Value"] for tag in props.get("Tags", [])}
    return {key: value for key, value in tags.items() if not key.startswith("aws:")}


# Change sets


def _detect_changed_attributes() -> None:
    """Compare each `Fn::GetAtt` in change sets by name; to ministack all are the same empty string.

    A stage that referred to another certificate looked unchanged, and `cdk deploy` reported "no
    changes".
    """
    changesets = _service("cloudformation.changesets")
    resolve = changesets._resolve_props_for_diff

    def resolve_props(template: dict[str, Any], *rest: Any) -> Any:
        return resolve(
            template and template | {"Resources": _name_attributes(template.get("Resources", {}))},
            *rest,
        )

    changesets._resolve_props_for_diff = resolve_props


def _name_attributes(value: Any) -> Any:
    """Replace each `Fn::GetAtt` in a part of a template with the name of its attribute."""
    match value:
        case {"Fn::GetAtt": str(name)}:
            return name
        case {"Fn::GetAtt": [*parts]}:
            return ".".join(map(str, parts))
        case dict():
            return {key: _name_attributes(item) for key, item in value.items()}
        case list():
            return [_name_attributes(item) for item in value]
    return value


def _accept_change_sets_of_outputs() -> None:
    """Accept change sets that change only outputs, as AWS does and ministack does not."""
    changesets = _service("cloudformation.changesets")
    cloudformation = _service("cloudformation")
    handlers = _service("cloudformation.handlers")
    actions = cloudformation._ACTION_HANDLERS
    create = actions["CreateChangeSet"]

    def create_change_set(params: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        response: tuple[int, dict[str, str], bytes] = create(params)
        stack = handlers._resolve_stack(cloudformation._p(params, "StackName"))
        if stack:
            name = cloudformation._p(params, "ChangeSetName")
            _, change_set = changesets._find_change_set(name, stack["StackName"])
            if (
                change_set
                and change_set["StatusReason"].startswith(_NO_CHANGES)
                and change_set["_template"].get("Outputs") != stack["_template"].get("Outputs")
            ):
                change_set |= {
                    "Status": "CREATE_COMPLETE",
                    "ExecutionStatus": "AVAILABLE",
                    "StatusReason": "",
                }
        return response

    actions["CreateChangeSet"] = create_change_set


# Deletes


def _cancel_create_before_delete() -> None:
    """Cancel and roll back a create before deleting the stack.

    ministack continues the create while it deletes the stack, and leaves some resources behind.
    Unlike here, the stack's status on AWS is DELETE_IN_PROGRESS throughout.
    """
    cloudformation = _service("cloudformation")
    handlers = _service("cloudformation.handlers")
    stacks = _service("cloudformation.stacks")
    provision, delete = stacks._provision_resource, handlers._delete_stack_async

    def provision_unless_canceled(
        type_name: str, logical_id: str, props: dict[str, Any], stack_name: str
    ) -> Any:
        if cloudformation._stacks.get(stack_name, {}).get("_canceled"):
            raise ValueError("Resource creation cancelled")
        return provision(type_name, logical_id, props, stack_name)

    async def cancel_and_delete(stack_name: str, *rest: Any, **options: Any) -> None:
        stack = cloudformation._stacks.get(stack_name, {})
        while stack.get("StackStatus") in {"CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"}:
            stack["_canceled"] = True
            await asyncio.sleep(0.02)
        await delete(stack_name, *rest, **options)

    stacks._provision_resource = provision_unless_canceled
    handlers._delete_stack_async = cancel_and_delete


def _keep_dependencies_of_failed_deletes() -> None:
    """Keep the dependencies of a resource whose delete failed, as AWS does.

    ministack deletes them. A custom resource would lose the function that the next attempt to
    delete the stack needs.
    """
    cloudformation = _service("cloudformation")
    handlers = _service("cloudformation.handlers")
    stacks = _service("cloudformation.stacks")
    delete_resource, delete_stack = stacks._delete_resource, handlers._delete_stack_async

    def delete_or_keep(
        type_name: str, physical_id: str, props: dict[str, Any], stack_name: str, logical_id: str
    ) -> None:
        try:
            delete_resource(type_name, physical_id, props, stack_name, logical_id)
        except Exception:
            stack = cloudformation._stacks[stack_name]
            if "_kept" in stack:
                definitions = stack["_template"].get("Resources", {})
                resources = stack["_resources"]
                needed = stacks._with_dependencies([logical_id], definitions, set(resources))
                # ministack skips resources that it does not find.
                stack["_kept"] |= {id: resources.pop(id) for id in needed - {logical_id}}
            raise

    async def delete_and_restore(
        stack_name: str, stack_id: str, retain: frozenset[str], *, force: bool
    ) -> None:
        stack, kept = cloudformation._stacks[stack_name], dict[str, Any]()
        if not force:  # a forced delete removes all resources from the stack
            stack["_kept"] = kept
        await delete_stack(stack_name, stack_id, retain, force=force)
        stack.pop("_kept", None)
        stack["_resources"] |= kept

    stacks._delete_resource = delete_or_keep
    handlers._delete_stack_async = delete_and_restore
