"""Every snippet of the README stands in a file that the tests run, and every command is run."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

SNIPPET = re.compile(r"(?:<!-- (?P<file>\S+) -->\n)?```(?P<language>\w+)\n(?P<code>.*?)```", re.S)
SNIPPETS = [match.groupdict() for match in SNIPPET.finditer(README)]

MAKE, DEMO = "tests/e2e/test_make.py", "tests/e2e/test_demo.py"
RUN_BY = {
    "make demo": DEMO,
    'make deploy ARGS="-c description=orders -c tags=team=edge,stage=prod"': MAKE,
    "make destroy": MAKE,
    ". .venv/bin/activate": MAKE,
    "cdk deploy -c description=orders -c stack_name=OrdersCertificate": MAKE,
    "cdk destroy -c stack_name=OrdersCertificate": MAKE,
    "pip install .": "tests/packaging/test_install.py",
}
"""Each command of the README, and the tests that run it."""


@pytest.mark.parametrize("snippet", [s for s in SNIPPETS if s["language"] != "bash"])
def test_a_snippet_is_quoted_from_a_file(snippet: dict[str, str]) -> None:
    assert snippet["file"], f"no file is named above:\n{snippet['code']}"
    assert snippet["code"] in (ROOT / snippet["file"]).read_text()


def test_every_command_is_run_by_a_test() -> None:
    commands = [
        line for s in SNIPPETS if s["language"] == "bash" for line in s["code"].splitlines()
    ]
    assert sorted(commands) == sorted(RUN_BY)
    for test in RUN_BY.values():
        assert (ROOT / test).is_file()


def test_every_link_leads_somewhere() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
