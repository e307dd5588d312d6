"""What people delete while a function runs: its pod, its Job, its TaskRun, its namespace."""

from __future__ import annotations

import pytest

import ferryman
from builders.places import Place, why
from builders.releases import kubectl
from ferryman import Pod, task
from ferryman.exceptions import FerrymanError
from history import audit_log

BOUND = 240


@task(infrastructure_retries=1, retry_delay_seconds=0.1, pod=Pod(cpu="50m"))
def outlive_the_first_attempt():
    import time

    attempt = ferryman.current_run().attempt
    while attempt == 1:
        time.sleep(0.1)
    return f"attempt {attempt}"


@task(infrastructure_retries=0, pod=Pod(cpu="50m"))
def run_forever():
    import time

    while True:
        time.sleep(0.1)


def reasons(place, future) -> list[str]:
    return [row.get("reason", "") for row in place.status(future.name)["attempts"]]


@pytest.mark.parametrize("flags", [(), ("--grace-period=0", "--force")], ids=["gently", "by-force"])
def test_a_pod_that_is_deleted_costs_an_attempt_of_the_infrastructures_budget(place, flags):
    future = outlive_the_first_attempt.submit()
    place.reached(future.name, "Running")
    place.kubectl("delete", "pod", place.pod_of(future.name)["metadata"]["name"], "--wait=false", *flags)
    assert future.result(BOUND) == "attempt 2"
    assert reasons(place, future)[0] in ("RunnerKilled", "AttemptLost")
    assert place.status(future.name)["infrastructureRetriesUsed"] == 1


def test_a_job_that_is_deleted_is_a_lost_attempt_and_never_created_again(place):
    future = outlive_the_first_attempt.submit()
    place.reached(future.name, "Running")
    (job,) = place.all("jobs")
    place.kubectl("delete", "job", job["metadata"]["name"], "--wait=false")
    assert future.result(BOUND) == "attempt 2"
    assert reasons(place, future)[0] in ("RunnerKilled", "AttemptLost")
    assert place.get("job", job["metadata"]["name"]) is None


def test_without_a_budget_a_deleted_pod_ends_the_run(place):
    future = run_forever.submit()
    place.reached(future.name, "Running")
    place.kubectl("delete", "pod", place.pod_of(future.name)["metadata"]["name"], "--wait=false")
    with pytest.raises(FerrymanError):
        future.result(BOUND)
    status = place.status(future.name)
    assert (status["phase"], why(status)[0]) == ("Crashed", "RunnerKilled")


def test_a_taskrun_that_is_deleted_takes_its_job_and_its_pod_with_it(place):
    future = run_forever.submit()
    place.reached(future.name, "Running")
    place.kubectl("delete", "taskrun", future.name, "--wait=false")
    place.until("nothing left", lambda: not place.all("taskruns,jobs,pods"))


def test_a_namespace_goes_while_its_runs_go_on_and_the_operator_serves_the_others(place, installation):
    doomed = Place.make(installation, audit_log.find())
    for number in range(3):
        doomed.run(
            f"run-{number}", function={"entrypoint": "time:sleep"}, parameters={}, retry={"retries": 3}
        )
    doomed.run("asleep", function={"entrypoint": "signal:pause"})
    doomed.reached("asleep", "Running")
    kubectl("delete", "namespace", doomed.namespace, "--wait=false")
    place.until(
        f"an end of namespace {doomed.namespace}",
        lambda: not kubectl("get", "namespace", doomed.namespace, "--ignore-not-found"),
    )
    doomed.judge()
    assert place.ended(place.run("elsewhere"))["phase"] == "Completed"
