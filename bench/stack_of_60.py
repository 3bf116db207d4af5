"""Row 7, as a stack: a quota's worth of certificates by `cdk deploy`, and deploys cut short.

On the local AWS with an account's limit of 10 requests a second. It provisions one resource after
the other; sixty at once are `at_once`.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from bench import contenders
from bench.at_once import COUNT
from bench.deploy import STACK, bootstrapped, cdk_deploy, cdk_destroy, certificates
from bench.measure import Figure
from lambda_handler.contract import RESOURCE_TYPE
from local_aws import LocalAws
from local_aws.cdk import CdkError

TITLE = "A stack of 60 certificates on the local AWS, against the limit of an account"
ROUNDS = 1
HALF = COUNT // 2


def run(_rounds: int) -> list[Figure]:
    """Counts: of what is there after a deploy, and of what is left after each way to end it."""
    with bootstrapped(LocalAws(throttled=True)) as aws:
        return [*_whole(aws), *_cancelled_create(aws), *_cancelled_update(aws)]


def _whole(aws: LocalAws) -> list[Figure]:
    assembly = contenders.synthesized("ours", COUNT)
    started = time.monotonic()
    cdk_deploy(aws, assembly)
    deployed = time.monotonic() - started
    subject = "deploy, then destroy"
    figures = [
        _exactly(
            COUNT, subject, "resources CREATE_COMPLETE", _statuses(aws).count("CREATE_COMPLETE")
        ),
        _exactly(COUNT, subject, "certificates after the deploy", certificates(aws)),
    ]
    started = time.monotonic()
    cdk_destroy(aws, assembly)
    destroyed = time.monotonic() - started
    return [
        *figures,
        _exactly(0, subject, "certificates after the destroy", certificates(aws)),
        Figure(subject, "cdk deploy", deployed, "s"),
        Figure(subject, "cdk destroy", destroyed, "s"),
    ]


def _cancelled_create(aws: LocalAws) -> list[Figure]:
    """A create is cancelled by deleting the stack; the local AWS rolls it back before that."""
    cloudformation = aws.client("cloudformation")
    subject = "a create, cancelled by DeleteStack"
    at_cancel = _cancel(aws, partial(cloudformation.delete_stack, StackName=STACK))
    cloudformation.get_waiter("stack_delete_complete").wait(StackName=STACK)
    return [
        Figure(subject, "certificates at the cancel", at_cancel),
        _exactly(0, subject, "certificates left", certificates(aws)),
    ]


def _cancelled_update(aws: LocalAws) -> list[Figure]:
    """From 1 to 60 and back."""
    cloudformation = aws.client("cloudformation")
    one = contenders.synthesized("ours", 1)
    cdk_deploy(aws, one)
    subject = "an update from 1 to 60, cancelled by CancelUpdateStack"
    at_cancel = _cancel(aws, partial(cloudformation.cancel_update_stack, StackName=STACK))
    after = certificates(aws)
    cdk_destroy(aws, one)
    return [
        Figure(subject, "certificates at the cancel", at_cancel),
        _exactly(1, subject, "certificates after the rollback", after),
        _exactly(0, subject, "certificates after the destroy", certificates(aws)),
    ]


def _cancel(aws: LocalAws, cancel: Callable[[], Any]) -> int:
    """Cancel a deploy of all when half of them are there: how many then were. Waits for the CLI."""
    with ThreadPoolExecutor() as pool:
        deploy = pool.submit(cdk_deploy, aws, contenders.synthesized("ours", COUNT))
        # By CloudFormation: asking API Gateway would take of the deploy's requests a second.
        while len(_statuses(aws)) < HALF:
            assert not deploy.done(), "the deploy ended before it was cancelled"
            time.sleep(0.1)
        count = certificates(aws)
        cancel()
        assert isinstance(deploy.exception(), CdkError), "the deploy went through"
    return count


def _statuses(aws: LocalAws) -> list[str]:
    """Of the stack's certificates that are complete, one each."""
    cloudformation: Any = aws.client("cloudformation")
    try:
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK)
        resources = [it for page in pages for it in page["StackResourceSummaries"]]
    except cloudformation.exceptions.ClientError:  # there is no stack yet
        return []
    statuses = [it["ResourceStatus"] for it in resources if it["ResourceType"] == RESOURCE_TYPE]
    return [status for status in statuses if status.endswith("_COMPLETE")]


def _exactly(goal: int, subject: str, measure: str, count: int) -> Figure:
    return Figure(subject, measure, count, goal=str(goal), met=count == goal)
