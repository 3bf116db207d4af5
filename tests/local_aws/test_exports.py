"""Exports that another stack imports are neither removed nor changed."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from local_aws import LocalAws
from tests.local_aws.stack import Stack
from tests.local_aws.waiting import eventually

EXPORT = "exporting:Id"
CANNOT_DELETE = f"Cannot delete export {EXPORT} as it is in use by importing."
CANNOT_UPDATE = f"Cannot update export {EXPORT} as it is in use by importing."


def exporting(value: str | None) -> dict[str, Any]:
    """A template whose stack exports the value, or nothing."""
    output = {"Value": value, "Export": {"Name": EXPORT}}
    return {
        "Resources": {"Kept": parameter("exporting")},
        "Outputs": {} if value is None else {"Id": output},
    }


def importing(value: Any) -> dict[str, Any]:
    return {"Resources": {"Kept": parameter(value)}}


def parameter(value: Any) -> dict[str, Any]:
    return {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}


@pytest.fixture
def exporter(aws: LocalAws) -> Iterator[Stack]:
    stack = Stack(aws, "exporting")
    stack.create(exporting("C1"))
    yield stack
    stack.delete()


@pytest.fixture
def importer(aws: LocalAws, exporter: Stack) -> Iterator[Stack]:
    stack = Stack(aws, "importing")
    stack.create(importing({"Fn::ImportValue": EXPORT}))
    yield stack
    stack.delete()


@pytest.fixture
def exports(aws: LocalAws) -> Callable[[], dict[str, str]]:
    def listed() -> dict[str, str]:
        found = aws.client("cloudformation").list_exports()["Exports"]
        return {export["Name"]: export["Value"] for export in found}

    return listed


def by_update(stack: Stack, template: dict[str, Any]) -> None:
    stack.update(template)


def by_change_set(stack: Stack, template: dict[str, Any]) -> None:
    stack.prepare(template)
    stack.execute()


@pytest.mark.parametrize("change", [by_update, by_change_set])
@pytest.mark.parametrize(
    ("value", "reason"),
    [(None, f"Delete canceled. {CANNOT_DELETE}"), ("C2", CANNOT_UPDATE)],
    ids=["removed", "changed"],
)
def test_an_update_that_takes_an_imported_export_away_is_rolled_back(
    exporter: Stack,
    importer: Stack,
    exports: Callable[[], dict[str, str]],
    change: Callable[[Stack, dict[str, Any]], None],
    value: str | None,
    reason: str,
) -> None:
    with pytest.raises(WaiterError):
        change(exporter, exporting(value))
    assert eventually(lambda: exporter.status() == "UPDATE_ROLLBACK_COMPLETE")
    assert reason in exporter.reasons()
    assert exports() == {EXPORT: "C1"}
    assert exporter.outputs() == {"Id": "C1"}


def test_the_importing_stacks_are_all_named(
    aws: LocalAws, exporter: Stack, importer: Stack
) -> None:
    another = Stack(aws, "another")
    another.create(importing({"Fn::ImportValue": {"Fn::Sub": "exporting:Id"}}))
    with pytest.raises(WaiterError):
        exporter.update(exporting(None))
    assert f"export {EXPORT} as it is in use by another and importing." in exporter.reasons()
    another.delete()


def test_a_delete_of_the_exporting_stack_is_canceled(
    aws: LocalAws, exporter: Stack, importer: Stack
) -> None:
    # Without a wait: botocore's waiter goes on for CREATE_COMPLETE.
    aws.client("cloudformation").delete_stack(StackName=exporter.name)
    assert exporter.status() == "CREATE_COMPLETE"
    assert f"Delete canceled. {CANNOT_DELETE}" in exporter.reasons()
    assert exporter.resources() == {"Kept": "CREATE_COMPLETE"}


def test_an_export_that_is_no_longer_imported_is_removed(
    exporter: Stack, importer: Stack, exports: Callable[[], dict[str, str]]
) -> None:
    importer.update(importing("C2"))
    exporter.update(exporting(None))
    assert exports() == {}


def test_an_export_whose_importing_stack_is_gone_is_changed(
    exporter: Stack, importer: Stack, exports: Callable[[], dict[str, str]]
) -> None:
    importer.delete()
    exporter.update(exporting("C2"))
    assert exports() == {EXPORT: "C2"}


def test_an_imported_export_is_kept_by_any_other_update(
    exporter: Stack, importer: Stack, exports: Callable[[], dict[str, str]]
) -> None:
    template = exporting("C1")
    template["Outputs"]["More"] = {"Value": "more"}
    exporter.update(template)
    assert exports() == {EXPORT: "C1"}
