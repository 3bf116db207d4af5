"""Check that tests run every snippet and every command of the user's pages."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {
    ROOT / name: (ROOT / name).read_text()
    for name in ("README.md", "docs/monitoring.md", "docs/how-to/provider.md", "docs/how-to/replace.md")
}

SNIPPET = re.compile(r"(?:<!-- (?P<file>\S+) -->\n)?```(?P<language>\w+)\n(?P<code>.*?)```", re.S)
SNIPPETS = [match.groupdict() for text in PAGES.values() for match in SNIPPET.finditer(text)]

MAKE, SHELL = "tests/e2e/test_make.py", "tests/e2e/test_shell.py"
RUN_BY = {
    "make demo": ("tests/e2e/test_demo.py", '"-m", "demo"'),
    'make deploy ARGS="-c description=orders -c tags=team=edge,stage=prod"': (
        MAKE,
        '"deploy", f"ARGS={options}',
    ),
    "make destroy": (MAKE, '"destroy", f"ARGS={options}'),
    # `make deploy` and `make destroy` are `cdk deploy $(ARGS)` and `cdk destroy $(ARGS)`.
    "cdk deploy -c description=orders -c stack_name=OrdersCertificate": (
        MAKE,
        "-c stack_name={STACK} -c description=by-make",
    ),
    "cdk destroy -c stack_name=OrdersCertificate": (MAKE, "-c stack_name={STACK}"),
    ". .venv/bin/activate": (SHELL, ". .venv/bin/activate"),
    "python -m local_aws": (SHELL, "python -m local_aws"),
    "cdk bootstrap": (SHELL, "cdk bootstrap"),
    "cdk deploy --require-approval never": (SHELL, "cdk deploy --require-approval never"),
    "cdk destroy --force": (SHELL, "cdk destroy --force"),
    "cdk deploy --all": ("tests/e2e/test_replace.py", "app.deploy("),
    "pip install .": ("tests/packaging/test_install.py", '"-m", "pip", "install", "."'),
}
"""Maps each command of the pages to the test file that runs it and the text that does so."""


@pytest.mark.parametrize("snippet", [s for s in SNIPPETS if s["language"] not in {"bash", "text"}])
def test_snippet_matches_its_file(snippet: dict[str, str]) -> None:
    assert snippet["file"], f"snippet needs a comment above it that names its file:\n{snippet}"
    assert snippet["code"] in (ROOT / snippet["file"]).read_text()


def test_every_command_has_a_test() -> None:
    commands = [
        line for s in SNIPPETS if s["language"] == "bash" for line in s["code"].splitlines()
    ]
    assert set(commands) == set(RUN_BY)
    for command, (file, text) in RUN_BY.items():
        assert text in (ROOT / file).read_text(), f"{file} does not run {command}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_target_exists(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", PAGES[page])
    assert targets
    assert [target for target in targets if not (page.parent / target).exists()] == []
