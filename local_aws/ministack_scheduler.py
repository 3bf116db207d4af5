"""EventBridge Scheduler in `ministack`: schedules fire by the account's clock."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from .clock import Clock
from .ministack_invocations import Invoker

__all__ = ["Scheduler"]

_RATE: Final = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_AT: Final = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_PROPERTIES: Final = (
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "FlexibleTimeWindow",
    "Target",
    "GroupName",
    "State",
    "Description",
    "StartDate",
    "EndDate",
    "KmsKeyArn",
)


@dataclass(frozen=True)
class _Occurrence:
    """A time at which a schedule is due."""

    time: datetime
    account: str
    region: str
    schedule: Mapping[str, Any]


class Scheduler:
    """Fires the schedules that become due when the clock is advanced.

    ministack fires them by the machine's clock, within ten seconds, without context attributes
    and without asking whether the schedule's role may invoke the target. Flexible time windows
    and the retry policy of the delivery have no effect: a delivery is on time, and tried once.
    """

    def __init__(self, clock: Clock, invoker: Invoker) -> None:
        self._clock, self._invoker = clock, invoker
        self._fired_until = clock.now()
        service: Any = import_module("ministack.services.scheduler")
        service._tick_schedules = lambda: None
        self._service = service
        _provision_all_properties(service)

    def skip(self) -> None:
        """Skip what was due by now."""
        self._fired_until = self._clock.now()

    def next_time(self, end: datetime) -> datetime | None:
        """Return the time of the earliest occurrence that is due by `end`, or None."""
        first = [next(occurrences, None) for occurrences in self._due(end)]
        return min((occurrence.time for occurrence in first if occurrence), default=None)

    def fire(self) -> None:
        """Start the invocations that are due now."""
        now = self._clock.now()
        due = [occurrence for occurrences in self._due(now) for occurrence in occurrences]
        for occurrence in sorted(due, key=lambda occurrence: occurrence.time):
            self._fire(occurrence)
        self._fired_until = now

    def _due(self, end: datetime) -> list[Iterator[_Occurrence]]:
        """Return the occurrences of each schedule that are due until `end`."""
        return [
            _occurrences_in(account, region, schedule, self._fired_until, end)
            for (account, region, _), schedule in self._service._schedules.all_items()
            if schedule["State"] == "ENABLED"
        ]

    def _fire(self, occurrence: _Occurrence) -> None:
        responses: Any = import_module("ministack.core.responses")
        responses.set_request_account_id(occurrence.account)
        responses.set_request_region(occurrence.region)
        target, arn = occurrence.schedule["Target"], occurrence.schedule["Arn"]
        if reason := _refusal(target, occurrence):
            self._invoker.refuse(occurrence.time, arn, target["Arn"], reason)
            return
        payload = _with_context_attributes(target.get("Input", "{}"), occurrence)
        self._invoker.start(occurrence.time, arn, target["Arn"], payload)


def _occurrences_in(
    account: str, region: str, schedule: Mapping[str, Any], after: datetime, end: datetime
) -> Iterator[_Occurrence]:
    for time in _times(schedule, after, end):
        yield _Occurrence(time, account, region, schedule)


def _times(schedule: Mapping[str, Any], after: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the times at which a schedule is due, later than `after` and until `end`.

    Without a start date, a rate-based schedule starts at once, that is, when it was created.
    """
    expression = schedule["ScheduleExpression"]
    zone = ZoneInfo(schedule.get("ScheduleExpressionTimezone") or "UTC")
    created = datetime.fromtimestamp(schedule["CreationDate"], UTC)
    start = max(created, _date(schedule.get("StartDate")) or created)
    if match := _AT.fullmatch(expression):
        time = datetime.fromisoformat(match[1]).replace(tzinfo=zone).astimezone(UTC)
        if max(after, created) < time <= end:
            yield time
        return
    end = min(end, _date(schedule.get("EndDate")) or end)
    if match := _RATE.fullmatch(expression):
        interval = timedelta(**{f"{match[2]}s": int(match[1])})
        time = start + interval * max(0, (after - start) // interval)
        while time <= end:
            if time > after:
                yield time
            time += interval
        return
    eventbridge: Any = import_module("ministack.services.eventbridge")
    fields = eventbridge._parse_cron_fields(expression)
    time = max(after, start)
    while fields and (found := eventbridge._cron_next_fire(fields, time.astimezone(zone))):
        time = found.astimezone(UTC)
        if time > end:
            return
        yield time


def _date(value: str | float | None) -> datetime | None:
    if value is None or isinstance(value, str):
        return datetime.fromisoformat(value) if value else None
    return datetime.fromtimestamp(value, UTC)


def _with_context_attributes(text: str, occurrence: _Occurrence) -> str:
    attributes = {
        "schedule-arn": occurrence.schedule["Arn"],
        "scheduled-time": occurrence.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "execution-id": str(uuid4()),
        "attempt-number": "1",
    }
    return re.sub(
        r"<aws\.scheduler\.([a-z-]+)>", lambda match: attributes.get(match[1], match[0]), text
    )


def _refusal(target: Mapping[str, Any], occurrence: _Occurrence) -> str | None:
    """Return why Scheduler cannot invoke a target, or None if it can."""
    function, role_arn = target["Arn"], target["RoleArn"]
    if ":lambda:" not in function:
        return f"target {function} is not a Lambda function: only these are invoked here"
    evaluator: Any = import_module("ministack.core.iam_evaluator")
    iam: Any = import_module("ministack.services.iam")
    name = role_arn.rsplit("/", 1)[-1]
    role = iam._roles.get_scoped(occurrence.account, None, name)
    if role is None:
        return f"role {role_arn} does not exist"
    if not _trusts_scheduler(role["AssumeRolePolicyDocument"]):
        return f"role {role_arn} does not trust scheduler.amazonaws.com"
    context = evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{occurrence.account}:assumed-role/{name}/scheduler",
        principal_type="AssumedRole",
        principal_account=occurrence.account,
        action="lambda:InvokeFunction",
        resource_arn=function,
        region=occurrence.region,
    )
    policies = evaluator._gather_role_policies(name, occurrence.account)
    if evaluator.evaluate(context, policies).decision != "Allow":
        return f"role {role_arn} is not allowed to call lambda:InvokeFunction on {function}"
    return None


def _trusts_scheduler(document: str | Mapping[str, Any]) -> bool:
    policy = json.loads(document) if isinstance(document, str) else document
    return any(
        statement["Effect"] == "Allow"
        and "scheduler.amazonaws.com" in _list(statement.get("Principal", {}).get("Service", []))
        for statement in _list(policy["Statement"])
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _provision_all_properties(service: Any) -> None:
    """Apply all properties of `AWS::Scheduler::Schedule`, and fail if Scheduler refuses them.

    ministack ignores the time zone, the dates and any error.
    """
    provisioners: Any = import_module("ministack.services.cloudformation.provisioners")
    handlers = provisioners._RESOURCE_HANDLERS["AWS::Scheduler::Schedule"]

    def apply(operation: Any, name: str, props: Mapping[str, Any]) -> Any:
        body = {key: props[key] for key in _PROPERTIES if key in props}
        status, _, response = operation(name, body)
        if status >= 400:
            raise ValueError(f"AWS::Scheduler::Schedule failed: {response!r}")
        return name, {"Arn": service._schedule_arn(props.get("GroupName", "default"), name)}

    def create(logical_id: str, props: dict[str, Any], stack_name: str) -> Any:
        name = props.get("Name") or provisioners._physical_name(stack_name, logical_id, max_len=64)
        return apply(service._create_schedule, name, props)

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Any:
        moved = any(old.get(key) != new.get(key) for key in ("Name", "GroupName"))
        if moved and new.get("Name"):
            return create(physical_id, new, stack_name)
        return apply(service._update_schedule, physical_id, new)

    handlers |= {"create": create, "update": update}
