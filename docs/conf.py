"""Sphinx's configuration: `make docs` builds the site into docs/_build/html."""

import inspect
import re
from importlib.metadata import version as version_of
from textwrap import dedent
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.inspect import stringify_signature

project = "cdk-apigateway-client-certificate"
author = "the contributors"
copyright = "the contributors; Apache License 2.0"
release = version = version_of(project)

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build", "diagrams"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

default_role = "literal"  # docstrings have `code` in single backticks

# autodoc imports the package, and with it aws_cdk: jsii makes its classes at import, so that they
# cannot be mocked.
autodoc_member_order = "bysource"
autodoc_inherit_docstrings = False  # not those of aws-cdk-lib, which are not in this markup
maximum_signature_line_length = 70
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
add_module_names = False  # the page names the package once; with it, names break on a phone
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"Client certificates {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/favicon.svg"
html_use_index = False  # the API is one page, and nothing links to the index
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "monokai"


def constructor_signature(
    _app: Sphinx, what: str, _name: str, obj: Any, _options: Any, _signature: str, _returns: str
) -> tuple[str, str] | None:
    """Return the signature of a class from its constructor.

    jsii's metaclass has a `__call__(*args, **kwargs)`, which autodoc would show. A class without
    parameters of its own, such as an interface, gets no signature.
    """
    if what != "class":
        return None
    signature = inspect.signature(obj.__init__)
    _self, *parameters = signature.parameters.values()
    if [parameter.name for parameter in parameters] == ["args", "kwargs"]:
        return "", ""
    return stringify_signature(
        signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty),
        unqualified_typehints=True,
    ), ""


def link_pages(
    _app: Sphinx, _what: str, _name: str, _obj: Any, _options: Any, lines: list[str]
) -> None:
    """Link the pages that a docstring names by their path."""
    lines[:] = [re.sub(r"\bdocs(/[\w/-]+)\.md", r":doc:`\1`", line) for line in lines]


def lay_out(_app: Sphinx, doctree: Any) -> None:
    """Unindent code from the inside of a function; mark plots and the cells that need width."""
    for block in doctree.findall(nodes.literal_block):
        block.rawsource = dedent(block.astext())
        block[:] = [nodes.Text(block.rawsource)]
    for cell in doctree.findall(nodes.entry):
        if len(cell.astext()) > 20:
            cell["classes"].append("long")
    for image in doctree.findall(nodes.image):
        if "diagrams/" not in image["uri"]:  # diagrams are narrow, and have a style for dark pages
            image["classes"].append("plot")


def allow_line_breaks(
    _app: Sphinx, _page: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    """Mark the places in long names in code where a line may break; site.css says where it does."""
    context["body"] = re.sub(
        r'(?<=<span class="pre">)[^<]+',
        lambda match: breakable(match[0]),
        context.get("body", ""),
    )


def breakable(name: str) -> str:
    """Return a name with `<wbr>` between its parts, and between the words of its long parts."""
    parts = re.split(r"(?<=[\w}]/)|(?<=::)|(?=%\w)", name)
    between_words = r"(?<=_)(?=\w)|(?<=[a-z])(?=[A-Z])"
    return "<wbr>".join(
        re.sub(between_words, "<wbr>", part) if len(part) > 16 else part for part in parts
    )


def setup(app: Sphinx) -> None:
    """Connect this file's functions."""
    app.connect("autodoc-process-signature", constructor_signature)
    app.connect("autodoc-process-docstring", link_pages)
    app.connect("doctree-read", lay_out)
    app.connect("html-page-context", allow_line_breaks)
