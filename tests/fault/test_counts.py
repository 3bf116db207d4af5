"""Calls to API Gateway a request, counted on the wire: they share 10 requests/s an account."""

from tests.fault.fakes import World


def test_create_makes_one_list_and_one_generate_call(aws: World) -> None:
    assert aws.function().invoke(aws.event("Create")).ended == "returned"
    assert aws.api.calls == ["GET /clientcertificates", "POST /clientcertificates"]


def test_update_without_changes_makes_one_get_call(aws: World) -> None:
    function, event = aws.function(), aws.event("Create")
    function.invoke(event)
    [id] = aws.api.ids
    aws.api.calls.clear()
    properties = event["ResourceProperties"]
    function.invoke(
        aws.event("Update", PhysicalResourceId=id, OldResourceProperties={**properties})
    )
    assert aws.api.calls == [f"GET /clientcertificates/{id}"]


def test_update_writes_only_what_changed(aws: World) -> None:
    function, event = aws.function(), aws.event("Create")
    function.invoke(event)
    [id] = aws.api.ids
    aws.api.calls.clear()
    former = event["ResourceProperties"]
    function.invoke(
        aws.event(
            "Update",
            PhysicalResourceId=id,
            ResourceProperties={**former, "Description": "another"},
            OldResourceProperties=former,
        )
    )
    assert aws.api.calls == [f"GET /clientcertificates/{id}", f"PATCH /clientcertificates/{id}"]


def test_delete_makes_one_list_and_one_delete_call(aws: World) -> None:
    function = aws.function()
    function.invoke(aws.event("Create"))
    [id] = aws.api.ids
    aws.api.calls.clear()
    function.invoke(aws.event("Delete", PhysicalResourceId=id))
    assert aws.api.calls == ["GET /clientcertificates", f"DELETE /clientcertificates/{id}"]
    assert not aws.api.ids
