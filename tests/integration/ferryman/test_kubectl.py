"""A person with kubectl and nothing else: runs are applied, watched, read and deleted."""

from __future__ import annotations

import itertools

import pytest

from builders.kubectl import NEEDS_KUBECTL, PATIENCE, Kubectl

pytestmark = NEEDS_KUBECTL

WAIT = f"--timeout={PATIENCE}s"
_SERIAL = itertools.count(1)


def a_run(command="true", **spec):
    """A run of a shell command in the pod, under a name of its own."""
    return {
        "apiVersion": "ferryman.dev/v1alpha1",
        "kind": "TaskRun",
        "metadata": {"name": f"letter-{next(_SERIAL)}"},
        "spec": {
            "task": {"name": "letter"},
            "function": {"entrypoint": "os:system"},
            "parameters": {"values": {"command": command}},
            **spec,
        },
    }


@pytest.fixture
def kubectl(embedded_cluster, namespace):
    return Kubectl(embedded_cluster.kubeconfig, embedded_cluster.directory, namespace)


def apply(kubectl, run):
    kubectl("apply", "-f", "-", stdin=run)
    return run["metadata"]["name"]


def applied_and_over(kubectl, run):
    name = apply(kubectl, run)
    kubectl("wait", "--for=condition=Succeeded", f"taskrun/{name}", WAIT)
    return name


def names_of(kubectl, kinds, run):
    return kubectl("get", kinds, "-l", f"ferryman.dev/run={run}", "-o", "name").split()


def test_get_shows_what_became_of_a_run_in_one_row(kubectl):
    name = applied_and_over(kubectl, a_run())
    header, row = kubectl("get", "frun").splitlines()
    assert header.split() == ["NAME", "TASK", "PHASE", "ATTEMPTS", "AGE", "DURATION", "REASON"]
    cells = row.split()
    assert (cells[:4], cells[-1]) == ([name, "letter", "Completed", "1"], "Completed")


def test_a_watch_sees_a_run_start_and_complete(kubectl, tmp_path):
    gate = tmp_path / "gate"
    phases = []
    with kubectl.following("get", "taskruns", "--watch") as lines:
        apply(kubectl, a_run(f"until [ -e {gate} ]; do sleep 0.05; done"))
        assert next(lines).split()[2] == "PHASE"
        for line in lines:
            phases.append(line.split()[2])
            if phases[-1] == "Running":
                gate.touch()
            if phases[-1] == "Completed":
                break
    assert [phase for phase, _ in itertools.groupby(phases)][-2:] == ["Running", "Completed"]


def test_describe_tells_why_a_run_failed(kubectl):
    run = a_run(function={"entrypoint": "json:loads"}, parameters={"values": {"s": "{"}})
    name = apply(kubectl, run)
    kubectl("wait", "--for=condition=Succeeded=False", f"taskrun/{name}", WAIT)
    told = kubectl("describe", "taskrun", name)
    assert "Expecting property name enclosed in double quotes" in told
    assert "UserException" in told


def test_logs_of_the_job_are_what_the_function_printed(kubectl):
    name = applied_and_over(kubectl, a_run("echo dear Ann"))
    (job,) = names_of(kubectl, "jobs", name)
    assert "dear Ann\n" in kubectl("logs", job)


def test_delete_takes_the_jobs_and_the_pods_along(kubectl):
    name = apply(kubectl, a_run("sleep 600"))
    kubectl("wait", "--for=jsonpath={.status.phase}=Running", f"taskrun/{name}", WAIT)
    held = names_of(kubectl, "jobs,pods", name)
    assert [one.partition("/")[0] for one in held] == ["job.batch", "pod"]
    kubectl("delete", "taskrun", name, WAIT)
    kubectl("wait", "--for=delete", *held, WAIT)
    assert names_of(kubectl, "jobs,pods", name) == []


def test_a_misspelt_kind_is_said_not_to_be_there(kubectl):
    told = kubectl.refused("apply", "-f", "-", stdin=a_run() | {"kind": "Taskrun"})
    assert 'no matches for kind "Taskrun" in version "ferryman.dev/v1alpha1"' in told


def test_a_bad_manifest_is_refused_with_the_field_and_its_limit(kubectl):
    run = a_run(retry={"retries": 101})
    told = kubectl.refused("apply", "-f", "-", stdin=run)
    assert told.startswith(f'The TaskRun "{run["metadata"]["name"]}" is invalid: spec.retry.retries: ')
    assert "101" in told
    assert "less than or equal to 100" in told
    assert kubectl("get", "taskruns", "-o", "name") == ""
