"""Check that tests run every snippet and every command of the user's pages.

`make docs` checks the links of the pages in docs/; the tests below check those of the other pages.
"""

import re
from pathlib import Path

import pytest

from tools import diagrams

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = {
    page: page.read_text()
    for page in (README, *sorted(DOCS.rglob("*.md")))
    if "_build" not in page.parts
}

NOT_RUN = {
    DOCS / "design/failure-modes.md": "what was left behind in an account",
    DOCS / "how-to/many-accounts.md": "several accounts",
    DOCS / "how-to/migrate-from-terraform.md": "Terraform",
    DOCS / "how-to/trust.md": "an account; tests/backends runs the programs",
    DOCS / "operate/unverified.md": "an account; tests/verify_live runs the program",
}
"""Pages whose commands cannot be run unchanged, and why."""

SNIPPET = re.compile(r"(?:<!-- (?P<file>\S+) -->\n)?```(?P<language>\w+)\n(?P<code>.*?)```", re.S)
SNIPPETS = {
    page: [match.groupdict() for match in SNIPPET.finditer(text)] for page, text in PAGES.items()
}

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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_snippets_match_their_files(page: Path) -> None:
    for snippet in SNIPPETS[page]:
        if snippet["language"] not in {"bash", "sh", "text"}:
            assert snippet["file"], f"no file is named above:\n{snippet['code']}"
            assert snippet["code"] in (ROOT / snippet["file"]).read_text()


def test_every_command_has_a_test() -> None:
    commands = [
        line
        for page in PAGES.keys() - NOT_RUN.keys()
        for snippet in SNIPPETS[page]
        if snippet["language"] == "bash"
        for line in snippet["code"].splitlines()
        if not line.startswith("aws ")  # AWS's CLI is not installed here
    ]
    assert set(commands) == set(RUN_BY)
    for command, (file, text) in RUN_BY.items():
        assert text in (ROOT / file).read_text(), f"{file} does not run {command}"


def test_readme_shows_what_the_demo_prints() -> None:
    steps = re.findall(r"^\[ *[0-9.]+ s\] (.+)$", PAGES[README], re.MULTILINE)
    demo = (ROOT / "tests/e2e/test_demo.py").read_text()
    assert steps
    assert [step for step in steps if f'"{step}"' not in demo] == []


@pytest.mark.parametrize("name", ["README.md", "SECURITY.md", "CONTRIBUTING.md"])
def test_every_link_target_exists(name: str) -> None:
    targets = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (ROOT / name).read_text())
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_functions_that_contributing_names_exist() -> None:
    page = (ROOT / "CONTRIBUTING.md").read_text()
    modules = {path.stem: path.read_text() for path in (ROOT / "lambda_handler").rglob("*.py")}
    named = [it for it in re.findall(r"`(\w+)\.(\w+)`", page) if it[0] in modules and it[1] != "py"]
    assert named
    assert [it for it in named if f"def {it[1]}(" not in modules[it[0]]] == []


def test_readme_is_short() -> None:
    assert len(PAGES[README].splitlines()) < 150


def test_diagrams_are_those_of_the_program() -> None:
    drawn = {name: diagrams.draw(diagram) for name, diagram in diagrams.DIAGRAMS.items()}
    committed = {path.stem: path.read_text() for path in diagrams.FOLDER.glob("*.svg")}
    assert committed == drawn, "run make diagrams"
