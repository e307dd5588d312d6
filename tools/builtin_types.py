"""Write the fields of the built-in kinds that the embedded API server serves, from the installed client.

    python tools/builtin_types.py

Names and types only, no descriptions: the server prunes and checks with them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from kubernetes.client import models

ROOTS = (
    "V1Job",
    "V1Pod",
    "CoreV1Event",
    "EventsV1Event",
    "V1Lease",
    "V1Namespace",
    "V1Secret",
    "V1ConfigMap",
    "V1ServiceAccount",
    "V1ResourceQuota",
    "V1Node",
)
OUTPUT = Path(__file__).parents[1] / "sdk/ferryman/dev/apiserver/builtin_types.json"
_MODEL = re.compile(r"[A-Z]\w*[0-9]\w+")


def collect(name: str, found: dict[str, dict[str, str]]) -> None:
    """Add a model and all that it refers to; a type ends in "!" where the field is required."""
    if name in found or name == "V1ObjectMeta":
        return
    model = getattr(models, name)
    found[name] = {}
    for attribute, kind in model.openapi_types.items():
        mark = "!" if is_required(model, attribute) else ""
        found[name][model.attribute_map[attribute]] = kind + mark
        for other in _MODEL.findall(kind):
            collect(other, found)


def is_required(model: Any, attribute: str) -> bool:
    """Whether the model demands the field; keywords have an underscore somewhere."""
    bare = attribute.strip("_")
    return any(
        key in model.model_fields and model.model_fields[key].is_required()
        for key in (attribute, bare, f"{bare}_")
    )


def main() -> None:
    """Write the file."""
    found: dict[str, dict[str, str]] = {}
    for root in ROOTS:
        collect(root, found)
    OUTPUT.write_text(json.dumps(found, indent=0, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
