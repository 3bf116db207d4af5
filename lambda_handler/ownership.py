"""Which certificates a resource owns, decided by their tags.

A resource deletes a certificate only if the certificate's three tags say that this resource of
this stack made it, and never the one that its template adopts. A certificate with the tags for
stack and logical ID, but without the one for the request, was adopted: the resource manages its
description and tags. Adopting a certificate removes the request tag that another resource wrote; a
resource that adopts a certificate that it made itself keeps the tag.
"""

from collections.abc import Mapping

from .contract import OwnTag
from .request import Request, stack_name


def tags_of_request(request: Request, request_id: str) -> dict[str, str]:
    """Return the tags of what the resource of `request` makes in the request `request_id`."""
    return {**tags_of_adopter(request), OwnTag.REQUEST: request_id}


def tags_of_adopter(request: Request) -> dict[str, str]:
    """Return the tags of what the resource of a request adopts."""
    return {OwnTag.STACK: request.stack_id, OwnTag.LOGICAL: request.logical_id}


def made_by(request: Request, tags: Mapping[str, str]) -> bool:
    """Return whether a certificate's tags say that the resource of a request made it."""
    return OwnTag.REQUEST in tags and tags_of_adopter(request).items() <= tags.items()


def other_owner(stack_id: str, tags: Mapping[str, str]) -> str | None:
    """Return the ID of the stack that a certificate belongs to, if it is another than this one.

    Stacks are compared by name: a stack that was deleted and created again under the same name
    may adopt again what it adopted, retained or left behind.
    """
    owner = tags.get(OwnTag.STACK)
    if owner is None or stack_name(owner) == stack_name(stack_id):
        return None
    return owner
