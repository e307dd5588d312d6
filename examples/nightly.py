"""Every night: what the CronJob of examples/nightly.yaml does, once and here.

    ferryman dev run examples/nightly.py
    kubectl apply -f examples/nightly.yaml       # for every night from now on

The CronJob puts the day into the TaskRun's name and applies it. No Python is needed for that, and the
same day is never run twice. Here the TaskRun is taken from the manifest and created twice, too.

It prints:

    nightly-20...: created
    nightly-20...: there already
    Completed: 7 leap days
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import kubernetes
import yaml

import ferryman

MANIFEST = Path(__file__).with_suffix(".yaml")
CONFLICT = 409


def todays_run() -> dict[str, Any]:
    """The TaskRun, as `sed` makes it from the ConfigMap."""
    documents = yaml.safe_load_all(MANIFEST.read_text())
    text = next(one["data"]["taskrun.yaml"] for one in documents if one["kind"] == "ConfigMap")
    run: dict[str, Any] = yaml.safe_load(text.replace("DAY", f"{datetime.now(UTC):%Y-%m-%d}"))
    return run


def create(run: dict[str, Any], namespace: str) -> str:
    """Create the TaskRun, unless it is there; what came of it."""
    group, version = run["apiVersion"].split("/")
    api = kubernetes.client.CustomObjectsApi()
    try:
        api.create_namespaced_custom_object(group, version, namespace, "taskruns", run)
    except kubernetes.client.ApiException as error:
        if error.status != CONFLICT:
            raise
        return "there already"
    return "created"


def main() -> None:
    kubernetes.config.load_config()
    run = todays_run()
    name = run["metadata"]["name"]
    with ferryman.connect() as client:
        for _ in range(2):
            print(f"{name}: {create(run, client.namespace)}")
        future = client.get_run(name)
        days = future.result()
        print(f"{future.state.name}: {days} leap days")


if __name__ == "__main__":
    main()
