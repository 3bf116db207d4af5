"""Model of CloudFormation: the stack's resources and the requests that it sends."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from hypothesis.stateful import RuleBasedStateMachine

from handler_testing.environment import STACK_ID
from lambda_handler.contract import OwnTag
from local_aws.certificate_store import Certificate
from tests.fault.histories.requests import (
    ADOPT,
    LOGICAL_IDS,
    OTHER_STACK,
    Request,
    Resource,
    request_id,
    resource_properties,
    snapshot,
    stops_adopting,
)
from tests.fault.simulation import SimulatedApiGateway, SimulatedFunction, response_url


class Stack(RuleBasedStateMachine):
    """A stack with two certificates, in an account that also has foreign certificates."""

    function: SimulatedFunction
    tags_in_list: bool

    def __init__(self) -> None:
        super().__init__()
        self.api = SimulatedApiGateway(self.function.clock, tags_in_list=self.tags_in_list)
        self.clock = self.function.clock
        self.resources = {name: Resource(name) for name in LOGICAL_IDS}
        self.requests: list[Request] = []
        self.creators: dict[str, Request] = {}
        """Maps a physical ID to the first request that returned it."""
        self.manually_deleted: set[str] = set()
        self.delete_sent_ids: set[str] = set()
        """Physical IDs for which CloudFormation has sent a Delete."""
        self.foreign = {it.id: snapshot(it) for it in self.generate_foreign()}
        self.adoptable = next(iter(self.foreign))
        """The foreign certificate that a template may adopt."""
        self.adopted: set[str] = set()
        """IDs of certificates that a template has adopted."""
        self.released: set[str] = set()
        """IDs of the stack's own certificates that it has adopted, so that it must keep them."""

    def generate_foreign(self) -> Iterator[Certificate]:
        """Generate certificates that the stack does not own but that resemble its own."""

        def tagged(stack: str, logical: str, request: str) -> Certificate:
            tags = {OwnTag.STACK: stack, OwnTag.LOGICAL: logical, OwnTag.REQUEST: request}
            return self.api.generate("foreign", tags)

        first = request_id(1)
        yield self.api.generate("untagged", {})
        yield tagged(OTHER_STACK, LOGICAL_IDS[0], first)
        yield tagged(OTHER_STACK, LOGICAL_IDS[0], request_id(0))
        # Of this stack: from a resource that was retained or removed from the template.
        yield tagged(STACK_ID, LOGICAL_IDS[0], request_id(0))
        yield tagged(STACK_ID, "CertificateC", first)
        # Only some of the ownership tags, for example copied by another tool.
        yield self.api.generate(None, {OwnTag.STACK: STACK_ID, OwnTag.LOGICAL: LOGICAL_IDS[0]})
        yield self.api.generate(None, {OwnTag.REQUEST: first, "team": "edge"})

    def absent(self) -> list[Resource]:
        return [
            resource
            for resource in self.resources.values()
            if not resource.physical_id and not resource.pending and not resource.replaced_ids
        ]

    def updatable(self) -> list[Resource]:
        """Return the resources to update.

        Exclude those that could return to a certificate that CloudFormation is about to delete.
        """
        return [it for it in self.idle() if not (it.replaced_ids and ADOPT in it.properties)]

    def idle(self) -> list[Resource]:
        """Return the resources that exist and have no pending request."""
        return [
            resource
            for resource in self.resources.values()
            if resource.physical_id and not resource.pending
        ]

    def with_rollback(self) -> list[Resource]:
        """Return the resources whose last Update can still be rolled back."""
        return [resource for resource in self.idle() if resource.rollback_properties is not None]

    def with_replaced_ids(self) -> list[Resource]:
        return [
            resource
            for resource in self.resources.values()
            if resource.replaced_ids and not resource.pending
        ]

    def any_ran_concurrently(self, resource: Resource) -> bool:
        return any(
            request.ran_concurrently for request in self.requests if request.resource is resource
        )

    def pending(self) -> list[Request]:
        return [resource.pending for resource in self.resources.values() if resource.pending]

    def redeliverable(self) -> list[Request]:
        """Return the requests that Lambda may deliver again, without those deleted since."""
        return [
            request
            for request in self.requests
            if not request.awaited and not (request.delete_sent and request.may_create)
        ]

    def deleted_requests(self) -> list[Request]:
        """Return the requests for whose certificate a Delete was sent."""
        return [request for request in self.requests if request.delete_sent and request.may_create]

    def send(
        self,
        role: Literal["create", "update", "replace", "delete", "cleanup"],
        resource: Resource,
        *,
        properties: dict[str, Any] | None = None,
        previous: dict[str, Any] | None = None,
        physical_id: str | None = None,
    ) -> Request:
        """Send a request from CloudFormation, without delivering it to the function."""
        assert resource.pending is None
        number = len(self.requests) + 1
        event: dict[str, Any] = {
            "RequestType": {"update": "Update", "delete": "Delete", "cleanup": "Delete"}.get(
                role, "Create"
            ),
            "ResponseURL": response_url(self.clock, f"response-{number}"),
            "StackId": STACK_ID,
            "RequestId": request_id(number),
            "ResourceType": "Custom::ApiGatewayClientCertificate",
            "LogicalResourceId": resource.logical_id,
            "ResourceProperties": resource.properties if properties is None else properties,
        }
        adopts = event["ResourceProperties"].get(ADOPT, resource.physical_id)
        if ADOPT in event["ResourceProperties"]:
            self.adopted.add(adopts)
        for other in self.resources.values():
            if other is not resource and other.physical_id == adopts:
                other.drifted = True  # both resources change the same certificate
        if role == "update":
            event["PhysicalResourceId"] = resource.physical_id
            event["OldResourceProperties"] = resource.properties if previous is None else previous
        if physical_id is not None:
            event["PhysicalResourceId"] = physical_id
            self.delete_sent_ids.add(physical_id)
            named = self.api.certificates.get(physical_id)
            for request in self.requests:
                if request.may_create and (
                    self.creators.get(physical_id) is request
                    or request.event.get("PhysicalResourceId") == physical_id
                    or (named and named.tags.get(OwnTag.REQUEST) == request.id)
                ):
                    request.delete_sent = True
        resource.pending = Request(role, event, resource)
        self.requests.append(resource.pending)
        return resource.pending

    def complete(self, request: Request, response: Mapping[str, Any] | None) -> None:
        """End a request with its first response, or with None after the service time-out.

        Sends the request that CloudFormation would send next.
        """
        assert request.awaited
        request.awaited = False
        resource, properties = request.resource, request.event["ResourceProperties"]
        resource.pending = None
        success = response is not None and response["Status"] == "SUCCESS"
        id = str(response["PhysicalResourceId"]) if response else ""
        if request.role in ("create", "replace"):
            if not response:
                id = f"Stack-{resource.logical_id}-1N7EN7EDB1C{len(self.requests)}"
                request.leftover_reason = "no response, so its Delete has an ID from CloudFormation"
            self.creators.setdefault(id, request)
            if success:
                if request.role == "replace" and resource.physical_id:
                    resource.replaced_ids.append(resource.physical_id)
                resource.physical_id, resource.properties = id, properties
                resource.drifted, resource.rollback_properties = False, None
            elif request.role == "create":
                request.delete_sent = True
                self.send("delete", resource, physical_id=id)
            else:
                request.delete_sent = True
                resource.replaced_ids.append(id)
                self.send("cleanup", resource, physical_id=id)
        elif request.role == "update":
            previous = request.event["OldResourceProperties"]
            if success:
                cleaned = not resource.replaced_ids
                if request.is_rollback:
                    resource.replaced_ids.clear()
                if id != resource.physical_id:
                    self.creators.setdefault(id, request)
                    resource.replaced_ids.append(str(resource.physical_id))
                    # The resource returns to an earlier certificate. Its properties are known
                    # only if nothing else changed it meanwhile.
                    resource.drifted = stops_adopting(request) and (
                        resource.rollback_properties != properties
                        or self.any_ran_concurrently(resource)
                    )
                resource.rollback_properties = (
                    previous if cleaned and not request.is_rollback else None
                )
                resource.physical_id, resource.properties = id, properties
            else:
                existed = request.event["PhysicalResourceId"] not in self.manually_deleted
                if stops_adopting(request) or not existed:
                    request.leftover_reason = "may have replaced its certificate without responding"
                # CloudFormation may keep either ID after a failed Update: try both.
                if id and len(self.requests) % 2:
                    resource.replaced_ids += {str(resource.physical_id)} - {id}
                    resource.physical_id = id
                rollback = "Rollback" in request.event
                now, before = (properties, previous) if rollback else (previous, properties)
                next_request = self.send("update", resource, properties=now, previous=before)
                next_request.event["Rollback"] = "added by the model: the handler must ignore it"
        else:
            id = str(request.event["PhysicalResourceId"])
            if success:
                for earlier in self.requests:
                    earlier.delete_succeeded |= earlier is self.creators.get(id)
                if request.role == "delete":
                    resource.physical_id = None
                else:
                    resource.replaced_ids.remove(id)
            elif request.role == "delete":  # DELETE_FAILED allows only another Delete
                self.send("delete", resource, physical_id=id)

    def properties(
        self,
        resource: Resource,
        description: str | None,
        tags: Mapping[str, str],
        adopt: str | None,
    ) -> dict[str, Any]:
        """Return the properties of a resource, which may adopt a certificate.

        Only the second resource adopts. The first one has an earlier, retained certificate, and
        would correctly return to it when it stops adopting.
        """
        first, second = self.resources.values()
        properties = resource_properties(description, tags)
        if resource is second and adopt == "foreign":
            properties[ADOPT] = self.adoptable
        elif resource is second and adopt and first.physical_id in self.own() and not first.pending:
            properties[ADOPT] = first.physical_id
        return properties

    def own(self) -> set[str]:
        """Return the IDs of certificates that the stack created and has not adopted since."""
        return set(self.api.certificates) - set(self.foreign) - self.released

    def created_by(self, request: Request) -> set[str]:
        ownership_tags = {
            OwnTag.STACK: STACK_ID,
            OwnTag.LOGICAL: request.resource.logical_id,
            OwnTag.REQUEST: request.id,
        }
        return {
            id
            for id, found in self.api.certificates.items()
            if id not in self.foreign and ownership_tags.items() <= found.tags.items()
        }

    def delete_manually(self, id: str) -> None:
        """Delete a certificate as a user would, outside of CloudFormation.

        The handler finds other certificates of the same request through this one's tags only, so
        they may be left behind.
        """
        tags = self.api.certificates.pop(id).tags
        self.api.in_use.discard(id)
        self.manually_deleted.add(id)
        for request in self.requests:
            if request.id == tags[OwnTag.REQUEST]:
                request.leftover_reason = (
                    request.leftover_reason or "its certificate was deleted manually"
                )
