"""What the CloudFormation of `ministack` 1.5.33 lacks for this project; each addition says why.

ministack is untyped and these are its private names: nothing of it leaves this module.
"""

import asyncio
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from .client_certificates import ClientCertificates
from .responses import ApiError

__all__ = ["extend_cloudformation"]

Answer = tuple[int, dict[str, str], bytes]
Store = Callable[[], ClientCertificates]
"""The client certificates of the Region of the request at hand."""

_NO_CHANGES: Final = "The submitted information didn't contain changes."
_STACK: Final = "AWS::CloudFormation::Stack"


def extend_cloudformation(store: Store) -> None:
    """Make all the additions of this module."""
    _keep_carriage_returns_of_outputs()
    _provision_stages_with_certificates()
    _provision_client_certificates(store)
    _tell_attributes_apart_in_change_sets()
    _accept_change_sets_of_outputs()
    _stop_a_create_before_a_delete()
    _keep_what_a_failed_resource_depends_on()
    _refuse_to_take_imported_exports_away()


def _service(name: str) -> Any:
    """A module of ministack's, imported only now: it reads its environment when it is imported."""
    return import_module(f"ministack.services.{name}")


def _keep_carriage_returns_of_outputs() -> None:
    """An XML parser reads a carriage return as a line feed unless it is escaped, as AWS does."""
    handlers = _service("cloudformation.handlers")
    escape = handlers._esc
    handlers._esc = lambda text: escape(text).replace("\r", "&#xD;")


# Resource types


def _provision_stages_with_certificates() -> None:
    """ministack's `AWS::ApiGateway::Stage` ignores `ClientCertificateId`."""
    v1 = _service("apigateway_v1")
    handlers = _service("cloudformation.provisioners")._RESOURCE_HANDLERS
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
    provisioners = _service("cloudformation.provisioners")

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


def _tags(props: Mapping[str, Any]) -> dict[str, str]:
    """The tags of a template's resource, without the `aws:` ones, which only AWS may write."""
    tags = {tag["Key"]: tag["Value"] for tag in props.get("Tags", [])}
    return {key: value for key, value in tags.items() if not key.startswith("aws:")}


# Change sets


def _tell_attributes_apart_in_change_sets() -> None:
    """ministack's change sets take every `Fn::GetAtt` for the same empty text.

    A stage that names another certificate looked unchanged, and `cdk deploy` said "no changes".
    """
    changesets = _service("cloudformation.changesets")
    resolve = changesets._resolve_props_for_diff

    def resolve_named(template: dict[str, Any], *rest: Any) -> Any:
        return resolve(
            template and template | {"Resources": _named(template.get("Resources", {}))}, *rest
        )

    changesets._resolve_props_for_diff = resolve_named


def _named(value: Any) -> Any:
    """Replace each `Fn::GetAtt` in a part of a template by the name of its attribute."""
    match value:
        case {"Fn::GetAtt": str(name)}:
            return name
        case {"Fn::GetAtt": [*parts]}:
            return ".".join(map(str, parts))
        case dict():
            return {key: _named(item) for key, item in value.items()}
        case list():
            return [_named(item) for item in value]
    return value


def _accept_change_sets_of_outputs() -> None:
    """ministack refuses a change set that changes nothing but outputs; AWS executes it."""
    changesets = _service("cloudformation.changesets")
    cloudformation = _service("cloudformation")
    handlers = _service("cloudformation.handlers")
    actions = cloudformation._ACTION_HANDLERS
    create = actions["CreateChangeSet"]

    def create_change_set(params: dict[str, Any]) -> Answer:
        answer: Answer = create(params)
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
        return answer

    actions["CreateChangeSet"] = create_change_set


# Deletes


def _stop_a_create_before_a_delete() -> None:
    """ministack goes on with a create beside the delete that should end it, and leaves a part.

    Here it is rolled back, and deleted then; on AWS the status says DELETE_IN_PROGRESS throughout.
    """
    cloudformation = _service("cloudformation")
    handlers = _service("cloudformation.handlers")
    stacks = _service("cloudformation.stacks")
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


def _keep_what_a_failed_resource_depends_on() -> None:
    """ministack deletes what a resource depends on although its own delete failed.

    A custom resource lost the function that its next Delete needs. AWS keeps all of it, so that
    the stack can be deleted once the cause is gone.
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
                # ministack passes over what it does not find.
                stack["_kept"] |= {id: resources.pop(id) for id in needed - {logical_id}}
            raise

    async def delete_and_restore(
        stack_name: str, stack_id: str, retain: frozenset[str], *, force: bool
    ) -> None:
        stack, kept = cloudformation._stacks[stack_name], dict[str, Any]()
        if not force:  # A forced delete keeps nothing in the stack.
            stack["_kept"] = kept
        await delete_stack(stack_name, stack_id, retain, force=force)
        stack.pop("_kept", None)
        stack["_resources"] |= kept

    stacks._delete_resource = delete_or_keep
    handlers._delete_stack_async = delete_and_restore


# Exports


def _refuse_to_take_imported_exports_away() -> None:
    """ministack removes and changes exports that other stacks import, and lists removed ones.

    It answers DeleteStack with an error. AWS accepts the call and then sets the stack back to its
    previous status, with the reason (aws/aws-cdk#604).
    """
    cloudformation = _service("cloudformation")
    handlers = _service("cloudformation.handlers")
    helpers = _service("cloudformation.helpers")
    stacks = _service("cloudformation.stacks")
    actions = cloudformation._ACTION_HANDLERS
    resolve, delete = stacks._resolve_stack_outputs, actions["DeleteStack"]

    def exports_of(stack_id: str) -> dict[str, str]:
        return {
            name: export["Value"]
            for name, export in cloudformation._exports.items()
            if export["StackId"] == stack_id
        }

    def importing(export: str) -> list[str]:
        return sorted(
            name
            for name, stack in cloudformation._stacks.items()
            if stack["StackStatus"] not in {"DELETE_COMPLETE", "ROLLBACK_COMPLETE"}
            and export in handlers._imported_export_names(stack, name)
        )

    def resolve_outputs(*arguments: Any) -> Any:
        outputs, exports = resolve(*arguments)
        previous = exports_of(arguments[-1])
        remaining = {name: export["Value"] for name, export in exports.items()}
        if refused := _refusal(previous, remaining, importing):
            raise ValueError(refused)
        # From here on the operation succeeds, and ministack adds the exports that remain.
        for name in previous:
            del cloudformation._exports[name]
        return outputs, exports

    def delete_stack(params: dict[str, Any]) -> Answer:
        stack = handlers._resolve_stack(cloudformation._p(params, "StackName"))
        refused = stack and _refusal(exports_of(stack["StackId"]), {}, importing)
        if refused:
            name, id = stack["StackName"], stack["StackId"]
            stacks._add_event(id, name, name, _STACK, "DELETE_IN_PROGRESS", "User Initiated", id)
            stacks._add_event(id, name, name, _STACK, stack["StackStatus"], refused, id)
            stack["StackStatusReason"] = refused
        answer: Answer = helpers._xml(200, "DeleteStackResponse", "") if refused else delete(params)
        return answer

    stacks._resolve_stack_outputs = resolve_outputs
    actions["DeleteStack"] = delete_stack


def _refusal(
    previous: Mapping[str, str],
    remaining: Mapping[str, str],
    importing: Callable[[str], list[str]],
) -> str | None:
    """Return why the values of a stack's exports cannot change like this, None if they can.

    Args:
        previous: the value of each export now, by its name.
        remaining: what they would be.
        importing: returns the names of the stacks that import an export.
    """
    for export, value in previous.items():
        if remaining.get(export) != value and (stack_names := importing(export)):
            in_use = f"export {export} as it is in use by {' and '.join(stack_names)}."
            if export in remaining:
                return f"Cannot update {in_use}"
            return f"Delete canceled. Cannot delete {in_use}"
    return None
