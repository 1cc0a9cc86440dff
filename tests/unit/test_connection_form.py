"""The connection form, as each line of Airflow reads it."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_snowball.get_provider_info import get_provider_info
from airflow_provider_snowball.hooks.allowed_orders import ALLOWED_ORDERS
from airflow_provider_snowball.hooks.connection_form import (
    ACCEPTED_TYPES,
    EXTRA_FIELDS,
    metadata,
    without_empty,
)
from tests.installed import is_installed

HOOK = "airflow_provider_snowball.hooks.snowball.SnowballHook"
LABELS = {
    "region_name": "Region",
    "role_arn": "Role ARN",
    "endpoint_url": "Endpoint URL",
    "allowed_orders": "Allowed orders",
}


def python(code: str) -> Any:
    """Run code in a Python of its own and return the JSON that it printed last."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


class TestMetadata:
    [ENTRY] = get_provider_info()["connection-types"]

    def test_it_has_the_keys_that_airflow_reads(self) -> None:
        assert metadata(HOOK) == self.ENTRY
        assert {key: self.ENTRY[key] for key in ("connection-type", "hook-class-name", "hook-name")} == {
            "connection-type": "snowball",
            "hook-class-name": HOOK,
            "hook-name": "AWS Snowball",
        }
        assert set(self.ENTRY["ui-field-behaviour"]) == {"hidden-fields", "relabeling", "placeholders"}

    def test_no_field_is_demanded(self) -> None:
        fields = self.ENTRY["conn-fields"]
        assert {name: field["label"] for name, field in fields.items()} == LABELS
        assert all(field["schema"] == {"type": ["string", "null"]} for field in fields.values())
        assert all(field["description"].endswith(".") for field in fields.values())


def test_the_names_are_the_amazon_providers() -> None:
    """A connection of either type works as one of the other only if the names agree."""
    from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper

    extra = {field.key: field.placeholder for field in EXTRA_FIELDS if field.key != ALLOWED_ORDERS}
    read = AwsConnectionWrapper.from_connection_metadata(extra=extra)
    assert {name: getattr(read, name) for name in extra} == extra
    assert "aws" in ACCEPTED_TYPES


def test_without_empty_keeps_what_says_something() -> None:
    assert without_empty({"a": None, "b": "", "c": False, "d": 0, "e": {}, "f": "x"}) == {
        "c": False,
        "d": 0,
        "e": {},
        "f": "x",
    }


@pytest.mark.skipif(not is_installed(), reason="the package is on the path, but not installed")
class TestForms:
    REACT = """
import json
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
[form] = [each for each in HookMetaService.hook_meta_data() if each.connection_type == "snowball"]
print(json.dumps(form.model_dump(mode="json")))
"""
    WIDGETS = """
import json
from airflow.providers_manager import ProvidersManager
manager = ProvidersManager()
labels = {
    widget.field_name: (name, widget.field.args[0], widget.is_sensitive)
    for name, widget in manager.connection_form_widgets.items() if name.startswith("extra__snowball__")
}
hook = manager.hooks["snowball"]
print(json.dumps([labels, manager.field_behaviours["snowball"], hook.hook_name, hook.connection_testable]))
"""
    #: Without wtforms, Airflow 3.3 looks at no hook's methods and so warns of none.
    WARNINGS = """
import json, sys, warnings
from importlib.util import find_spec
from unittest.mock import MagicMock
from airflow import __version__
from airflow.providers_manager import ProvidersManager
told = []
warnings.warn = lambda message, *more, **options: told.append(str(message))
if __version__.startswith(("3.0.", "3.1.")):
    # Reads the forms without Flask-AppBuilder, which is not installed.
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
    assert any(each.connection_type == "snowball" for each in HookMetaService.hook_meta_data())
else:
    if not find_spec("wtforms"):
        sys.modules["wtforms"] = MagicMock()
    assert "extra__snowball__region_name" in ProvidersManager().connection_form_widgets
print(json.dumps([each for each in told if "nowball" in each]))
"""
    HOOK_INFO = """
import json
from airflow.providers_manager import ProvidersManager
hook = ProvidersManager().hooks["snowball"]
print(json.dumps([hook.hook_name, hook.connection_testable, hook.connection_id_attribute_name]))
"""

    @pytest.mark.skipif(airflow_version.startswith("2."), reason="the React form came with Airflow 3")
    @pytest.mark.xfail(
        airflow_version.startswith("3.0.") and not find_spec("flask_appbuilder"),
        reason="Airflow 3.0's form has no fields of any provider where Flask-AppBuilder is not installed",
        strict=True,
    )
    def test_react(self) -> None:
        form = python(self.REACT)
        assert form["hook_name"] == "AWS Snowball"
        shown = {name: field["schema"]["title"] for name, field in form["extra_fields"].items()}
        assert shown == LABELS
        assert all(field["value"] is None and field["description"] for field in form["extra_fields"].values())
        standard = form["standard_fields"]
        # Airflow 3.3's Test button needs a port, see metadata(); 3.1 asks the hook's methods.
        hidden = {name for name, field in standard.items() if field and field["hidden"]}
        assert hidden - {"port"} == {"host", "url_schema"}
        assert standard["login"]["title"] == "Access key ID"
        assert standard["password"]["title"] == "Secret access key"
        assert all(standard[name]["placeholder"].startswith("empty: ") for name in ("login", "password"))

    @pytest.mark.skipif(not airflow_version.startswith("2."), reason="the form of Airflow 2")
    def test_wtforms(self) -> None:
        labels, behaviour, name, testable = python(self.WIDGETS)
        assert labels == {key: [f"extra__snowball__{key}", label, False] for key, label in LABELS.items()}
        assert behaviour["hidden_fields"] == ["host", "schema", "port"]
        assert behaviour["relabeling"] == {"login": "Access key ID", "password": "Secret access key"}
        assert behaviour["placeholders"]["extra__snowball__region_name"] == "us-east-1"
        assert behaviour["placeholders"]["login"].startswith("empty: ")
        assert (name, testable) == ("AWS Snowball", True)

    def test_the_hook_is_found(self) -> None:
        assert python(self.HOOK_INFO) == ["AWS Snowball", True, "aws_conn_id"]

    def test_nothing_is_deprecated(self) -> None:
        assert python(self.WARNINGS) == []
