"""Check that an export cannot change while another stack imports it."""

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
    """Return a template that exports the value, or nothing if it is None."""
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
    del exporter  # Its export must exist before it can be imported.
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
@pytest.mark.usefixtures("importer")
def test_update_that_changes_an_imported_export_is_rolled_back(
    exporter: Stack,
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


@pytest.mark.usefixtures("importer")
def test_error_names_all_importing_stacks(aws: LocalAws, exporter: Stack) -> None:
    another = Stack(aws, "another")
    another.create(importing({"Fn::ImportValue": {"Fn::Sub": "exporting:Id"}}))
    with pytest.raises(WaiterError):
        exporter.update(exporting(None))
    assert f"export {EXPORT} as it is in use by another and importing." in exporter.reasons()
    another.delete()


@pytest.mark.usefixtures("importer")
def test_delete_of_the_exporting_stack_is_canceled(aws: LocalAws, exporter: Stack) -> None:
    # Without waiting: botocore's waiter would continue at CREATE_COMPLETE.
    aws.client("cloudformation").delete_stack(StackName=exporter.name)
    assert exporter.status() == "CREATE_COMPLETE"
    assert f"Delete canceled. {CANNOT_DELETE}" in exporter.reasons()
    assert exporter.resources() == {"Kept": "CREATE_COMPLETE"}


def test_export_can_be_removed_once_it_is_not_imported(
    exporter: Stack, importer: Stack, exports: Callable[[], dict[str, str]]
) -> None:
    importer.update(importing("C2"))
    exporter.update(exporting(None))
    assert exports() == {}


def test_export_can_change_after_the_importing_stack_is_deleted(
    exporter: Stack, importer: Stack, exports: Callable[[], dict[str, str]]
) -> None:
    importer.delete()
    exporter.update(exporting("C2"))
    assert exports() == {EXPORT: "C2"}


@pytest.mark.usefixtures("importer")
def test_other_updates_keep_an_imported_export(
    exporter: Stack, exports: Callable[[], dict[str, str]]
) -> None:
    template = exporting("C1")
    template["Outputs"]["More"] = {"Value": "more"}
    exporter.update(template)
    assert exports() == {EXPORT: "C1"}
