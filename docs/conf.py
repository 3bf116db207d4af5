"""Sphinx's configuration: `make docs` builds the site into docs/_build/html."""

from importlib.metadata import version as version_of

project = "cdk-apigateway-client-certificate"
author = "the contributors"
copyright = "the contributors; Apache License 2.0"
release = version = version_of(project)

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
exclude_patterns = ["_build", "diagrams"]

myst_enable_extensions = ["attrs_block", "colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["myst.header"]  # benchmarks.md begins its tables at the third level

default_role = "literal"  # docstrings have `code` in single backticks

# autodoc imports the package, and with it aws_cdk: jsii makes its classes at import, so that they
# cannot be mocked.
autodoc_member_order = "bysource"
autodoc_class_signature = "separated"  # jsii's metaclass hides the constructor's signature
autodoc_typehints = "description"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
napoleon_numpy_docstring = False

html_theme = "furo"
html_title = f"Client certificates for API Gateway {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
