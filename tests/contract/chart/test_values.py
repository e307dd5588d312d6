"""Values: what they become, what they may be, and what helm says where they may not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from builders.chart import CHART, HelmRefused, configuration, only, rendered, rendered_text
from ferryman_operator import settings

HERE = Path(__file__).parent
SETS = sorted(path.stem for path in (HERE / "values").glob("*.yaml"))
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def parsed(*arguments: str, values: dict | None = None) -> settings.Settings:
    return settings.parse(configuration(rendered(*arguments, values=values)))


@pytest.mark.parametrize("name", SETS)
def test_the_operator_accepts_the_configuration(name):
    parsed(f"--values={HERE / 'values' / name}.yaml")


def fields_of(model: type[BaseModel]) -> dict[str, Any]:
    """Names in the file; for a section, of its fields."""
    kinds = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
    return {
        name: fields_of(kind) if isinstance(kind, type) and issubclass(kind, BaseModel) else None
        for name, kind in kinds.items()
    }


def names_of(values: Any) -> Any:
    return {k: names_of(v) for k, v in values.items()} if isinstance(values, dict) and values else None


def test_every_setting_of_the_operator_is_a_value():
    wanted = fields_of(settings.Settings)
    del wanted["namespaces"], wanted["stores"], wanted["pod"], wanted["lease"]["namespace"]
    assert names_of(DEFAULTS["settings"]) == wanted


def test_every_field_of_a_store_and_of_the_pod_is_a_value():
    assert names_of(DEFAULTS["stores"]["default"]) == fields_of(settings.StoreSettings)
    assert names_of(DEFAULTS["pod"]) == fields_of(settings.PodSettings)


def test_the_chart_changes_no_default_of_the_operator_unsaid():
    """But for those of pods: a chart is for clusters that others use, too."""
    ours = parsed()
    plain = settings.parse({"stores": {"default": {"bucket": "x"}}, "pod": {"image": "x"}})
    sections = {"stores", "pod"}
    assert ours.model_dump(exclude=sections) == plain.model_dump(exclude=sections)


def test_the_default_bucket_is_nobodys():
    """A name in lower case could be somebody's bucket."""
    bucket = parsed().stores["default"].bucket
    assert bucket != bucket.lower()


def test_pods_of_tasks_use_the_account_that_the_chart_makes():
    made = {"tasks.serviceAccount.create": True, "namespaces": ["reports"]}
    assert parsed(values=made).pod.service_account == "ferryman-task"


def test_the_image_may_keep_its_own_user():
    assert parsed(values={"pod.runAsUser": None}).pod.run_as_user is None


def test_a_quantity_may_be_written_as_a_number():
    assert parsed(values={"pod.cpuLimit": 2}).pod.cpu_limit == "2"


def test_plain_http_is_for_those_who_say_so():
    wanted = {"stores.default.endpoint": "http://minio.storage:9000", "stores.default.allowHttp": True}
    assert parsed(values=wanted).stores["default"].allow_http is True


def test_a_store_may_have_another_name_than_default():
    stores = parsed(values={"stores": {"default": None, "archive": {"bucket": "x"}}}).stores
    assert set(stores) == {"archive"}


def test_a_digest_pins_the_operators_image():
    digest = "sha256:" + "ab" * 32
    objects = rendered(values={"operator.image": {"repository": "r.example.com/o", "digest": digest}})
    (container,) = only(objects, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"r.example.com/o@{digest}"


REFUSED = [
    ({"replicas": 2}, "replicas"),
    ({"operator.replicas": "two"}, "/operator/replicas"),
    ({"stores": {"default": {"prefix": "x", "bucket": None}}}, "bucket"),
    ({"stores.default.buckett": "x"}, "buckett"),
    ({"stores.default.endpoint": "s3.example.com"}, "/stores/default/endpoint"),
    ({"stores.default.endpoint": "https://key:secret@s3.example.com"}, "/stores/default/endpoint"),
    (
        {"stores.default.endpoint": "http://minio.storage:9000"},
        "stores.default.endpoint: http://minio.storage:9000 is not encrypted",
    ),
    ({"stores.Default": {"bucket": "x"}}, "Default"),
    ({"namespaces": "reports"}, "/namespaces"),
    ({"namespaces": ["*"]}, "/namespaces/0"),
    ({"settings.jobTTL": "7d"}, "/settings/jobTTL"),
    ({"settings.log.level": "debug"}, "/settings/log/level"),
    ({"pod.runAsUser": 0}, "/pod/runAsUser"),
    ({"pod.memoryLimit": "1GB"}, "/pod/memoryLimit"),
    ({"admissionPolicy.actions": []}, "/admissionPolicy/actions"),
    ({"operator.image.digest": "latest"}, "/operator/image/digest"),
    ({"settings.lease.enabled": False}, "more than one replica needs the Lease"),
    ({"serviceAccount.create": False}, "serviceAccount.name: "),
    ({"tasks.serviceAccount.create": True}, "tasks.serviceAccount.namespaces: "),
    (
        {"metrics.serviceMonitor.create": True, "metrics.service.create": False},
        "metrics.serviceMonitor.create: ",
    ),
]


@pytest.mark.parametrize(("values", "told"), REFUSED, ids=[json.dumps(values) for values, _ in REFUSED])
def test_a_wrong_value_is_refused_by_its_name(values, told):
    with pytest.raises(HelmRefused) as refusal:
        rendered_text(values=values)
    assert told in str(refusal.value)


def closed(schema: dict, path: str = "") -> list[str]:
    """Paths of the objects in the schema that accept misspelt fields."""
    below = [closed(child, f"{path}.{name}") for name, child in schema.get("properties", {}).items()]
    open_here = [path] if "properties" in schema and schema.get("additionalProperties") is not False else []
    return open_here + [one for found in below for one in found]


def test_the_schema_accepts_no_misspelt_value():
    assert closed(SCHEMA) == []


def test_the_schema_knows_every_value_and_no_other():
    def known(schema: dict) -> Any:
        return (
            {name: known(child) for name, child in schema["properties"].items()}
            if "properties" in schema
            else None
        )

    wanted = known(SCHEMA)
    del wanted["global"]  # Helm adds it to every chart that is part of another.
    shape = names_of(DEFAULTS)
    shape["stores"] = None
    shape["operator"]["resources"] = None
    assert shape == wanted


def test_every_section_says_what_it_is():
    """In the line above it, or in those of its own values."""
    lines = (CHART / "values.yaml").read_text().splitlines()
    sections = [number for number, line in enumerate(lines) if line[:1].isalpha()]
    told = {n: lines[n - 1].startswith("#") or lines[n + 1].lstrip().startswith("#") for n in sections[:-1]}
    assert [lines[number] for number, is_told in told.items() if not is_told] == []
