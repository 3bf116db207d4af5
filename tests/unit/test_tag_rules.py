"""The rules for tags, at their limits."""

import pytest

from lambda_handler import tag_rules


@pytest.mark.parametrize(
    "tags",
    [
        {},
        {f"k{number}": "x" for number in range(47)},
        {"k" * 128: "v" * 256},
        {"k": ""},
        {"aZ09 +-=._:/@é": "aZ09 +-=._:/@é"},
        {"team-aws:": "x"},
    ],
)
def test_accepts_tags_at_the_limits(tags: dict[str, str]) -> None:
    assert tag_rules.violation(tags) is None


@pytest.mark.parametrize(
    ("tags", "violation"),
    [
        ({"": "x"}, "tag key '' has 0 characters: use 1 to 128"),
        ({"k" * 129: "x"}, f"tag key '{'k' * 129}' has 129 characters: use 1 to 128"),
        ({"k": "x" * 257}, "value of tag 'k' has 257 characters: use 256 or fewer"),
        ({"aws:a": "x"}, "tag key 'aws:a' starts with 'aws:', which AWS reserves: rename it"),
        ({"AWS:a": "x"}, "tag key 'AWS:a' starts with 'aws:', which AWS reserves: rename it"),
        (
            {"client-certificate:a": "x"},
            (
                "tag key 'client-certificate:a' starts with 'client-certificate:', which this "
                "resource uses: rename it"
            ),
        ),
        ({"fine": "x", "": "second"}, "tag key '' has 0 characters: use 1 to 128"),
    ],
)
def test_names_the_rule_that_a_tag_breaks(tags: dict[str, str], violation: str) -> None:
    assert tag_rules.violation(tags) == violation


@pytest.mark.parametrize(
    ("key", "value"), [("k*", "x"), ("k", "x*"), ("k", "x\n"), ("k", "1,2"), ("k", "<")]
)
def test_names_the_characters_that_a_tag_can_contain(key: str, value: str) -> None:
    assert tag_rules.violation({key: value}) == (
        f"tag {key!r} = {value!r} has characters that a tag cannot hold: use letters, digits, "
        "spaces and + - = . _ : / @, or remove it from this resource with "
        f"Tags.of(certificate).remove({key!r})"
    )


def test_counts_the_tags_that_the_handler_adds() -> None:
    tags = {f"k{number}": "x" for number in range(48)}
    assert tag_rules.violation(tags) == (
        "too many tags: 48; a client certificate takes 50, of which this resource needs 3: "
        "keep 47 or fewer"
    )
    assert tag_rules.violation(tags, own_count=2) is None


@pytest.mark.parametrize(
    ("key", "value", "outside"),
    [
        ("aZ09+-=._:/", "aZ09+-=._:/", False),
        ("a b", "x", True),
        ("a", "x@y", True),
        ("é", "é", True),
    ],
)
def test_finds_tags_that_the_documentation_does_not_cover(
    key: str, value: str, outside: bool
) -> None:
    assert tag_rules.outside_documented_characters(key, value) is outside


@pytest.mark.parametrize(
    ("value", "fits"),
    [("v" * 256, True), ("", True), ("v" * 257, False), ("é", False), ("a*", False)],
)
def test_recognizes_ids_that_can_be_tag_values(value: str, fits: bool) -> None:
    assert tag_rules.is_value(value) is fits
