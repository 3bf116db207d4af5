"""Put events on the default bus, and read them from a queue that a rule fills."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from local_aws import LocalAws
from tests.local_aws.model import validate_json_responses

pytestmark = pytest.mark.usefixtures("restored_clock")

SOURCE = "client-certificate.rotation"


class Recorder:
    """A context manager that records the events of a source on the default bus, in a queue."""

    def __init__(self, aws: LocalAws, source: str) -> None:
        self._events, self._sqs = aws.client("events"), aws.client("sqs")
        self._source, self._arn = source, f"arn:aws:sqs:{aws.region}:{aws.account}:events"

    def __enter__(self) -> "Recorder":
        self._queue = self._sqs.create_queue(QueueName="events")["QueueUrl"]
        pattern = json.dumps({"source": [self._source]})
        self._events.put_rule(Name="record", EventPattern=pattern)
        self._events.put_targets(Rule="record", Targets=[{"Id": "queue", "Arn": self._arn}])
        return self

    def __exit__(self, *_: object) -> None:
        self._events.remove_targets(Rule="record", Ids=["queue"])
        self._events.delete_rule(Name="record")
        self._sqs.delete_queue(QueueUrl=self._queue)

    def events(self) -> list[dict[str, Any]]:
        """Return the events since the last call, in order."""
        found = []
        while messages := self._sqs.receive_message(
            QueueUrl=self._queue, MaxNumberOfMessages=10
        ).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                self._sqs.delete_message(
                    QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"]
                )
        return found


@pytest.fixture
def recorder(aws: LocalAws) -> Iterator[Recorder]:
    with Recorder(aws, SOURCE) as recorder:
        yield recorder


@pytest.fixture
def events(aws: LocalAws) -> Any:
    return validate_json_responses(aws.client("events"))


def entry(**options: Any) -> dict[str, Any]:
    detail = json.dumps({"stack": "s", "generation": 2})
    return {"Source": SOURCE, "DetailType": "Stages Switched", "Detail": detail, **options}


def test_rule_receives_the_event_unchanged(aws: LocalAws, events: Any, recorder: Recorder) -> None:
    aws.set_clock(datetime(2031, 1, 1, tzinfo=UTC))
    response = events.put_events(Entries=[entry(Resources=["arn:aws:x:::y"])])
    assert response["FailedEntryCount"] == 0
    (event,) = recorder.events()
    assert event.pop("time").startswith("2031-01-01T00:0")
    assert event == {
        "version": "0",
        "id": response["Entries"][0]["EventId"],
        "source": SOURCE,
        "detail-type": "Stages Switched",
        "account": aws.account,
        "region": "us-east-1",
        "resources": ["arn:aws:x:::y"],
        "detail": {"stack": "s", "generation": 2},
    }


def test_event_has_the_time_of_its_entry(events: Any, recorder: Recorder) -> None:
    events.put_events(Entries=[entry(Time=datetime(2030, 5, 6, 7, 8, 9, tzinfo=UTC)), entry()])
    first, second = recorder.events()
    assert first["time"] == "2030-05-06T07:08:09Z"
    assert not second["time"].startswith("2030")


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ({"Source": "aws.apigateway"}, "NotAuthorizedForSourceException"),
        ({"Source": ""}, "InvalidArgument"),
        ({"DetailType": ""}, "InvalidArgument"),
        ({"Detail": ""}, "InvalidArgument"),
        ({"Detail": "{"}, "MalformedDetail"),
        ({"Detail": "[]"}, "MalformedDetail"),
    ],
)
def test_refused_entry_does_not_stop_the_others(
    events: Any, recorder: Recorder, bad: dict[str, str], code: str
) -> None:
    response = events.put_events(Entries=[entry(), entry(**bad), entry()])
    assert response["FailedEntryCount"] == 1
    codes = [result.get("ErrorCode") for result in response["Entries"]]
    assert codes == [None, code, None]
    assert len(recorder.events()) == 2


def test_at_most_ten_entries_are_accepted(events: Any, recorder: Recorder) -> None:
    with pytest.raises(events.exceptions.ClientError, match="ValidationException"):
        events.put_events(Entries=[entry()] * 11)
    assert recorder.events() == []
