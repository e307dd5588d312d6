"""What a function prints is there while it runs."""

from __future__ import annotations

import subprocess

import pytest

from builders.releases import environment
from ferryman import Pod, task
from ferryman.exceptions import CancelledRun

BOUND = 180


@task(pod=Pod(cpu="50m"))
def report_forever():
    import time

    for number in range(10**9):
        print(f"step {number}")
        time.sleep(0.2)


def test_kubectl_logs_follows_a_function_that_runs(place):
    future = report_forever.submit()
    place.reached(future.name, "Running")
    pod = place.pod_of(future.name)["metadata"]["name"]
    command = ("kubectl", "logs", "-f", pod, f"--namespace={place.namespace}")
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        lines = [following.stdout.readline() for _ in range(5)]
        assert place.status(future.name)["phase"] == "Running"
        future.cancel()
        following.communicate(timeout=BOUND)
    assert lines == [f"step {number}\n" for number in range(5)]
    with pytest.raises(CancelledRun):
        future.result(BOUND)
