"""Every example is a program that works, and prints what it says it prints."""

from __future__ import annotations

import ast
import difflib
import doctest
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml

from ferryman.api import taskrun, validation
from fixtures.real_cluster import KUBECONFIG

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "examples"
BOUND = 250
EXAMPLES = sorted(FOLDER.glob("*.py"))
NOT_FAR = {"flaky_service"} if KUBECONFIG in os.environ else set()
"""Those whose pods ask a service that is part of the program: a real cluster's do not reach it."""
SMALL = {"batch_inference": ["3"], "fan_out": ["3"]}
"""Arguments of those that would take long."""

CELLS = """
import linecache, re, sys

# As IPython does it: every cell is compiled on its own and executed in the namespace of `__main__`,
# and what its source was is known to linecache alone.
for number, source in enumerate(re.split(r"^# %%.*$", open(sys.argv[1]).read(), flags=re.M)):
    name = f"<ipython-input-{number}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    exec(compile(source, name, "exec"), sys.modules["__main__"].__dict__)
"""

pytestmark = pytest.mark.timeout(BOUND + 30)


@pytest.fixture
def run(in_cluster, namespace):
    """Runs a program in the cluster; what it wrote to stdout."""

    def run(*command: str) -> str:
        environment = in_cluster.client_environment(os.environ) | {"FERRYMAN_NAMESPACE": namespace}
        done = subprocess.run(
            [sys.executable, *command],
            env=environment,
            capture_output=True,
            text=True,
            timeout=BOUND,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        return done.stdout

    return run


def promised(example: Path) -> str:
    """What the docstring says that it prints: the last indented block."""
    told = ast.get_docstring(ast.parse(example.read_text())) or ""
    head, found, block = told.rpartition("It prints")
    return textwrap.dedent(block.partition("\n")[2]).strip() + "\n" if found and head else "...\n"


@pytest.mark.parametrize(
    "example", [path for path in EXAMPLES if path.stem not in NOT_FAR], ids=lambda path: path.stem
)
def test_the_example_prints_what_it_says(run, example):
    printed = run(str(example), *SMALL.get(example.stem, ()))
    wanted = promised(example)
    if example.stem == "fan_out":
        # The text is that of the whole size.
        wanted = "3 pods threw 300000 darts\npi is about 3.1...\n"
    assert doctest.OutputChecker().check_output(wanted, printed, doctest.ELLIPSIS), f"{wanted}\n--\n{printed}"


def test_the_notebook_runs_cell_by_cell(run):
    printed = run("-c", CELLS, str(FOLDER / "notebook.py"))
    assert printed.splitlines()[-1] == "measured [100, 200, 300] mean 200"


def test_only_the_imports_of_the_prefect_script_have_changed():
    before, after = (
        path.read_text().partition('"""\n\n')[2].splitlines()
        for path in (FOLDER / "before" / "migration.py", FOLDER / "migration.py")
    )
    changed = [line[1:] for line in difflib.ndiff(before, after) if line[0] in "+-"]
    assert len(changed) == 6
    assert all(re.match(r" from (prefect|ferryman)\b", line) for line in changed)


def manifests() -> list[dict]:
    return list(yaml.safe_load_all((FOLDER / "nightly.yaml").read_text()))


def as_a_job(cron_job: dict) -> dict:
    """As `kubectl create job --from=cronjob/nightly` makes it."""
    template = cron_job["spec"]["jobTemplate"]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "by-hand"},
        "spec": template["spec"],
    }


def test_the_api_server_takes_the_job_and_what_its_pod_needs(in_cluster, namespace):
    import kubernetes

    api = kubernetes.config.new_client_from_config(str(in_cluster.kubeconfig))
    client = kubernetes.dynamic.DynamicClient(api)
    strictly = [("fieldValidation", "Strict"), ("dryRun", "All")]
    for one in manifests():
        if one["apiVersion"].startswith("rbac"):
            continue  # The embedded cluster has no rights.
        body = as_a_job(one) if one["kind"] == "CronJob" else one
        kind = client.resources.get(api_version=body["apiVersion"], kind=body["kind"])
        kind.create(body=body, namespace=namespace, query_params=strictly)


def test_the_task_run_of_the_cron_job_is_valid():
    text = next(one for one in manifests() if one["kind"] == "ConfigMap")["data"]["taskrun.yaml"]
    run = taskrun.parse(yaml.safe_load(text.replace("DAY", "2026-11-22")))
    assert validation.problems(run.spec, name="nightly-2026-11-22") == ()


def test_the_cron_job_applies_what_its_volume_holds():
    job = next(one for one in manifests() if one["kind"] == "CronJob")
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    volume, container = pod["volumes"][0], pod["containers"][0]
    assert volume["configMap"]["name"] in [
        one["metadata"]["name"] for one in manifests() if one["kind"] == "ConfigMap"
    ]
    assert f"{container['volumeMounts'][0]['mountPath']}/taskrun.yaml" in container["args"][0]


def test_the_account_of_the_cron_job_may_apply_a_task_run():
    found = {one["kind"]: one for one in manifests()}
    binding, name = found["RoleBinding"], found["ServiceAccount"]["metadata"]["name"]
    assert binding["roleRef"]["name"] == found["Role"]["metadata"]["name"]
    assert [(one["kind"], one["name"]) for one in binding["subjects"]] == [("ServiceAccount", name)]
    assert found["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]["serviceAccountName"] == name
    verbs = {resource: rule["verbs"] for rule in found["Role"]["rules"] for resource in rule["resources"]}
    assert verbs == {"taskruns": ["get", "create", "patch"], "jobs": ["create"]}


def test_the_list_has_every_example():
    listed = re.findall(r"\]\((\w+\.py)\)", (FOLDER / "README.md").read_text())
    assert sorted(listed) == [path.name for path in EXAMPLES]
