"""The site: ``make docs``. Nothing is fetched, neither by the build nor by the pages that it makes."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS / "_ext")]
# Whose Airflow settings there are says nothing about the package.
_home = tempfile.TemporaryDirectory()
os.environ["AIRFLOW_HOME"] = _home.name

from airflow_provider_snowball import __version__  # noqa: E402

project = "airflow-provider-snowball"
author = "The authors of airflow-provider-snowball"
copyright = f"2026, {author}"  # noqa: A001  # Sphinx's name
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "other_files",
    "reference_tables",
]
exclude_patterns = ["_ext", "_build"]
myst_enable_extensions = ["colon_fence"]
# Headings can be linked to, as on GitHub.
myst_heading_anchors = 3

# Of other projects' inventories, what our docstrings refer to is kept here.
intersphinx_mapping = {
    "boto3": (
        "https://boto3.amazonaws.com/v1/documentation/api/latest/",
        str(DOCS / "inventories" / "boto3.inv"),
    ),
    "botocore": (
        "https://botocore.amazonaws.com/v1/documentation/api/latest/",
        str(DOCS / "inventories" / "botocore.inv"),
    ),
}

html_theme = "furo"
html_title = f"{project} {version}"
html_show_sphinx = False
html_copy_source = False

autodoc_member_order = "bysource"
autodoc_typehints = "none"

# A reference that leads nowhere is an error; Airflow's, Python's and botocore's own are not kept here.
nitpicky = True
nitpick_ignore_regex = [
    (r"py:.*", r"(airflow|botocore|moto|datetime|collections|typing)\..*"),
    (r"py:.*", r"(ValueError|str|Enum|StrEnum|AirflowSensorTimeout|AirflowException|AirflowFailException)"),
]
