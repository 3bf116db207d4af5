"""Protects the exports of stacks in `ministack` that other stacks import."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

__all__ = ["protect_imported_exports"]

_STACK: Final = "AWS::CloudFormation::Stack"


def protect_imported_exports() -> None:
    """Reject changes and removals of exports that other stacks import.

    ministack applies them, and keeps listing removed exports. It rejects DeleteStack with an error;
    AWS accepts the call and then returns the stack to its previous status, with a reason
    (aws/aws-cdk#604).
    """
    cloudformation: Any = import_module("ministack.services.cloudformation")
    handlers: Any = import_module("ministack.services.cloudformation.handlers")
    helpers: Any = import_module("ministack.services.cloudformation.helpers")
    stacks: Any = import_module("ministack.services.cloudformation.stacks")
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
        if reason := _rejection(previous, remaining, importing):
            raise ValueError(reason)
        # The operation succeeds from here on, and ministack adds the remaining exports again.
        for name in previous:
            del cloudformation._exports[name]
        return outputs, exports

    def delete_stack(params: dict[str, Any]) -> Any:
        stack = handlers._resolve_stack(cloudformation._p(params, "StackName"))
        reason = stack and _rejection(exports_of(stack["StackId"]), {}, importing)
        if reason:
            name, id = stack["StackName"], stack["StackId"]
            stacks._add_event(id, name, name, _STACK, "DELETE_IN_PROGRESS", "User Initiated", id)
            stacks._add_event(id, name, name, _STACK, stack["StackStatus"], reason, id)
            stack["StackStatusReason"] = reason
            return helpers._xml(200, "DeleteStackResponse", "")
        return delete(params)

    stacks._resolve_stack_outputs = resolve_outputs
    actions["DeleteStack"] = delete_stack


def _rejection(
    previous: Mapping[str, str],
    remaining: Mapping[str, str],
    importing: Callable[[str], list[str]],
) -> str | None:
    """Return why a stack's exports cannot change like this, or None if they can.

    Args:
        previous: The current value of each export, by name.
        remaining: The new value of each export, by name.
        importing: Returns the names of the stacks that import an export.
    """
    for export, value in previous.items():
        if remaining.get(export) != value and (stack_names := importing(export)):
            in_use = f"export {export} as it is in use by {' and '.join(stack_names)}."
            if export in remaining:
                return f"Cannot update {in_use}"
            return f"Delete canceled. Cannot delete {in_use}"
    return None
