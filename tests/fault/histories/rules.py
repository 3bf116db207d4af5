"""Rules: the steps from which hypothesis composes histories."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from lambda_handler import api_gateway
from tests.fault.histories.faults import (
    ALWAYS_THROTTLED,
    AMBIGUOUS_WRITE,
    CRASH_AFTER_WRITE,
    DUPLICATE,
    FOREVER,
    INTERRUPTIONS,
    LOST_DUPLICATE,
    REFUSED_SECOND_WRITE,
    RESPONSES,
    HistoryFault,
    adoptions,
    delivery_lists,
    descriptions,
    fault_lists,
    indexes,
    interruptions,
    tag_sets,
)
from tests.fault.histories.invocations import Invocations
from tests.fault.histories.requests import (
    SERVICE_TIMEOUT,
    URL_VALIDITY,
    resource_properties,
)


class Rules(Invocations):
    """Steps of CloudFormation, of Lambda and of users."""

    @initialize(page=st.sampled_from([2, 500]))
    def set_page_size(self, page: int) -> None:
        api_gateway.PAGE_SIZE = page  # type: ignore[misc]

    # CloudFormation

    @rule(
        index=indexes,
        description=descriptions,
        tags=tag_sets,
        adopt=adoptions,
        attempts=st.sampled_from(
            [
                [],
                [[]],
                [[DUPLICATE]],
                [[DUPLICATE], []],
                [[LOST_DUPLICATE]],
                [[AMBIGUOUS_WRITE]],
                [[CRASH_AFTER_WRITE], [ALWAYS_THROTTLED]],
            ]
        ),
    )
    @precondition(lambda self: self.absent())
    def create(
        self,
        index: int,
        description: str | None,
        tags: dict[str, str],
        adopt: str | None,
        attempts: list[list[HistoryFault]],
    ) -> None:
        """Create a resource, often with a concurrent delivery, a lost response or a crash."""
        resource = _pick(self.absent(), index)
        resource.drifted = False
        properties = self.properties(resource, description, tags, adopt)
        request = self.send("create", resource, properties=properties)
        for faults in attempts:
            self.deliver(request, faults, [])

    @rule(
        index=indexes,
        description=descriptions,
        tags=tag_sets,
        adopt=adoptions,
        attempts=st.sampled_from([[], [[]], [[REFUSED_SECOND_WRITE]], [[CRASH_AFTER_WRITE]]]),
    )
    @precondition(lambda self: self.updatable())
    def update(
        self,
        index: int,
        description: str | None,
        tags: dict[str, str],
        adopt: str | None,
        attempts: list[list[HistoryFault]],
    ) -> None:
        resource = _pick(self.updatable(), index)
        properties = self.properties(resource, description, tags, adopt)
        request = self.send("update", resource, properties=properties)
        for faults in attempts:
            self.deliver(request, faults, [])

    @rule(index=indexes, description=descriptions, tags=tag_sets)
    @precondition(lambda self: self.idle())
    def replace(self, index: int, description: str | None, tags: dict[str, str]) -> None:
        resource = _pick(self.idle(), index)
        self.send("replace", resource, properties=resource_properties(description, tags))

    @rule(index=indexes)
    @precondition(lambda self: self.with_rollback())
    def roll_back(self, index: int) -> None:
        """Roll back a successful Update because another resource of the stack failed."""
        resource = _pick(self.with_rollback(), index)
        request = self.send("update", resource, properties=resource.rollback_properties)
        request.is_rollback = True
        self.deliver(request, [], [])

    @rule(
        index=indexes,
        attempts=st.sampled_from([[], [[CRASH_AFTER_WRITE]], [[CRASH_AFTER_WRITE], []]]),
    )
    @precondition(lambda self: self.idle())
    def delete(self, index: int, attempts: list[list[HistoryFault]]) -> None:
        resource = _pick(self.idle(), index)
        request = self.send("delete", resource, physical_id=resource.physical_id)
        for faults in attempts:
            self.deliver(request, faults, [])

    @rule(index=indexes)
    @precondition(lambda self: self.with_replaced_ids())
    def clean_up(self, index: int) -> None:
        resource = _pick(self.with_replaced_ids(), index)
        resource.rollback_properties = None
        self.send("cleanup", resource, physical_id=_pick(resource.replaced_ids, index))

    @rule(index=indexes)
    @precondition(lambda self: self.pending())
    def time_out(self, index: int) -> None:
        """Let the service time-out expire."""
        self.clock.advance(SERVICE_TIMEOUT)
        self.complete(_pick(self.pending(), index), None)

    # Lambda

    @rule(index=indexes, faults=fault_lists, deliveries=delivery_lists)
    @precondition(lambda self: self.pending())
    def deliver_pending(
        self, index: int, faults: list[HistoryFault], deliveries: list[Any]
    ) -> None:
        self.deliver(_pick(self.pending(), index), faults, deliveries)

    @rule(index=indexes, interruption=interruptions)
    @precondition(lambda self: self.pending())
    def deliver_interrupted(self, index: int, interruption: HistoryFault) -> None:
        self.deliver(_pick(self.pending(), index), [interruption], [])

    @rule(index=indexes, kind=st.sampled_from(sorted(RESPONSES)), at=st.integers(0, 2))
    @precondition(lambda self: self.pending())
    def deliver_with_persistent_fault(self, index: int, kind: str, at: int) -> None:
        self.deliver(_pick(self.pending(), index), [HistoryFault(kind, at, FOREVER)], [])

    @rule(index=indexes)
    @precondition(lambda self: self.pending())
    def deliver_without_faults(self, index: int) -> None:
        self.deliver(_pick(self.pending(), index), [], [])

    @rule(index=indexes, faults=fault_lists, deliveries=delivery_lists)
    @precondition(lambda self: self.redeliverable())
    def redeliver(self, index: int, faults: list[HistoryFault], deliveries: list[Any]) -> None:
        """Deliver a request again: a duplicate, or Lambda's retry after an error."""
        self.deliver(_pick(self.redeliverable(), index), faults, deliveries)

    @rule(index=indexes)
    @precondition(lambda self: self.deleted_requests())
    def deliver_after_delete(self, index: int) -> None:
        """Deliver a request after its Delete, of which the handler cannot know."""
        request = _pick(self.deleted_requests(), index)
        request.leftover_reason = request.leftover_reason or "delivered again after its Delete"
        self.deliver(request, [], [])

    @rule(index=indexes, faults=fault_lists)
    @precondition(lambda self: self.requests)
    def deliver_after_url_expired(self, index: int, faults: list[HistoryFault]) -> None:
        request = _pick(self.requests, index)
        if request.awaited:
            self.complete(request, None)
        self.clock.advance(URL_VALIDITY)
        before = set(self.api.certificates)
        # Without interruptions: only the handler may have changed what the check below sees.
        self.deliver(request, [fault for fault in faults if fault.kind not in INTERRUPTIONS], [])
        made = set(self.api.certificates) - before
        assert not made, f"a {request.role} with an expired ResponseURL created {made}"

    # Users

    @rule(index=indexes)
    @precondition(lambda self: self.own())
    def delete_certificate_manually(self, index: int) -> None:
        self.delete_manually(_pick(sorted(self.own()), index))

    @rule(index=indexes)
    @precondition(lambda self: self.own())
    def use_in_a_stage(self, index: int) -> None:
        self.api.in_use.add(_pick(sorted(self.own()), index))

    @rule()
    @precondition(lambda self: self.api.in_use)
    def free_stages(self) -> None:
        self.api.in_use.clear()


def _pick(candidates: list[Any], index: int) -> Any:
    return candidates[index % len(candidates)]
