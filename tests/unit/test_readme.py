"""Every snippet of the user's pages stands in a file that tests run, and every command is run."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {
    ROOT / name: (ROOT / name).read_text()
    for name in ("README.md", "docs/provider.md", "docs/replace.md")
}

SNIPPET = re.compile(r"(?:<!-- (?P<file>\S+) -->\n)?```(?P<language>\w+)\n(?P<code>.*?)```", re.S)
SNIPPETS = [match.groupdict() for text in PAGES.values() for match in SNIPPET.finditer(text)]

MAKE, DEMO = "tests/e2e/test_make.py", "tests/e2e/test_demo.py"
BY_HAND = "tests/e2e/test_by_hand.py"
RUN_BY = {
    "make demo": DEMO,
    'make deploy ARGS="-c description=orders -c tags=team=edge,stage=prod"': MAKE,
    "make destroy": MAKE,
    ". .venv/bin/activate": MAKE,
    "cdk deploy -c description=orders -c stack_name=OrdersCertificate": MAKE,
    "cdk destroy -c stack_name=OrdersCertificate": MAKE,
    "pip install .": "tests/packaging/test_install.py",
    "python -m local_aws": BY_HAND,
    "cdk bootstrap": BY_HAND,
    "cdk deploy --require-approval never": BY_HAND,
    "cdk destroy --force": BY_HAND,
    "cdk deploy --all": "tests/e2e/test_replace.py",
}
"""Each command of the pages, and the tests that run it."""


@pytest.mark.parametrize("snippet", [s for s in SNIPPETS if s["language"] not in {"bash", "text"}])
def test_a_snippet_is_quoted_from_a_file(snippet: dict[str, str]) -> None:
    assert snippet["file"], f"no file is named above:\n{snippet['code']}"
    assert snippet["code"] in (ROOT / snippet["file"]).read_text()


def test_every_command_is_run_by_a_test() -> None:
    commands = [
        line for s in SNIPPETS if s["language"] == "bash" for line in s["code"].splitlines()
    ]
    assert set(commands) == set(RUN_BY)
    for test in RUN_BY.values():
        assert (ROOT / test).is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", PAGES[page])
    assert targets
    assert [target for target in targets if not (page.parent / target).exists()] == []
