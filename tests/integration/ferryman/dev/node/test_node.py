from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from builders.jobs import a_plain_pod
from builders.small_cluster import SmallCluster, conditions_of, python, terminated_of
from ferryman.dev.node.logs import Options
from ferryman.dev.processes import proc

REPORT = "import os; open(os.environ['FERRYMAN_TERMINATION_LOG'], 'w').write({!r})"


@pytest.fixture
async def cluster(tmp_path):
    async with SmallCluster(tmp_path) as cluster:
        yield cluster


async def test_a_pod_that_exits_with_zero_succeeds_and_leaves_its_report(cluster):
    cluster.objects.create("pods", a_plain_pod(*python(REPORT.format("all well"))))
    pod = await cluster.until_over("pod")
    ended = terminated_of(pod)
    assert pod["status"]["phase"] == "Succeeded"
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (0, "Completed", "all well")
    assert pod["spec"]["nodeName"] == "laptop"


async def test_a_report_is_cut_at_4096_bytes(cluster):
    cluster.objects.create("pods", a_plain_pod(*python(REPORT.format("x" * 5000))))
    assert terminated_of(await cluster.until_over("pod"))["message"] == "x" * 4096


async def test_an_exit_code_is_kept_and_the_end_of_the_log_stands_in_for_a_report(cluster):
    pod = a_plain_pod(
        *python("print('oh no'); raise SystemExit(80)"),
        container={"terminationMessagePolicy": "FallbackToLogsOnError"},
    )
    cluster.objects.create("pods", pod)
    found = await cluster.until_over("pod")
    ended = terminated_of(found)
    assert found["status"]["phase"] == "Failed"
    assert (ended["exitCode"], ended["reason"], ended["message"]) == (80, "Error", "oh no\n")


async def test_a_signal_is_128_and_its_number(cluster):
    cluster.objects.create("pods", a_plain_pod(*python("import os; os.kill(os.getpid(), 9)")))
    assert terminated_of(await cluster.until_over("pod"))["exitCode"] == 137


async def test_the_environment_is_the_pods_and_a_small_base(cluster, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    cluster.objects.create("secrets", {"metadata": {"name": "keys"}, "data": {"AWS_KEY": "c2VjcmV0"}})
    cluster.objects.create("configmaps", {"metadata": {"name": "conf"}, "data": {"level": "high"}})
    env = [
        {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "ID", "valueFrom": {"fieldRef": {"fieldPath": "metadata.uid"}}},
        {"name": "TEAM", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['team']"}}},
        {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "AWS_KEY"}}},
        {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "conf", "key": "level"}}},
        {"name": "BOTH", "value": "$(NAME)/$(LEVEL)/$$(NAME)/$(NOBODY)"},
        {"name": "CACHE", "value": "/cache/pip"},
    ]
    container = {
        "env": env,
        "envFrom": [{"secretRef": {"name": "keys"}}, {"configMapRef": {"name": "absent", "optional": True}}],
        "volumeMounts": [{"name": "scratch", "mountPath": "/cache"}],
    }
    code = "import os\nfor item in sorted(os.environ.items()): print('='.join(item))"
    pod = a_plain_pod(*python(code), container=container, volumes=[{"name": "scratch", "emptyDir": {}}])
    pod["metadata"]["labels"] = {"team": "blue"}
    uid = cluster.objects.create("pods", pod)["metadata"]["uid"]
    await cluster.until_over("pod")
    seen = dict(line.rstrip("\n").split("=", 1) for line in await cluster.log("pod", Options()))
    assert {
        "NAME": "pod",
        "ID": uid,
        "TEAM": "blue",
        "KEY": "secret",
        "LEVEL": "high",
    }.items() <= seen.items()
    assert seen["AWS_KEY"] == "secret"
    assert seen["BOTH"] == "pod/high/$(NAME)/$(NOBODY)"
    assert seen["CACHE"].endswith("/pip") and not seen["CACHE"].startswith("/cache")
    base = {"PATH", "HOME", "LANG", "TMPDIR", "FERRYMAN_TERMINATION_LOG", "LC_CTYPE"}
    assert set(seen) - base == {"NAME", "ID", "TEAM", "KEY", "LEVEL", "BOTH", "CACHE", "AWS_KEY"}


async def test_a_pod_works_in_a_directory_of_its_own_that_goes_with_it(cluster):
    cluster.objects.create("pods", a_plain_pod(*python("import os; print(os.getcwd()); open('left', 'w')")))
    await cluster.until_over("pod")
    (line,) = await cluster.log("pod", Options())
    directory = Path(line.strip())
    assert cluster.directory in directory.parents
    assert not directory.exists()
    cluster.delete("pods", "pod")
    await cluster.until(("pods", "pod"), lambda pod: pod is None and not any(cluster.directory.iterdir()))


async def test_a_missing_secret_is_waited_for(cluster):
    cluster.objects.create(
        "pods", a_plain_pod("true", container={"envFrom": [{"secretRef": {"name": "late"}}]})
    )
    await cluster.until_waiting("pod", "CreateContainerConfigError")
    cluster.objects.create("secrets", {"metadata": {"name": "late"}})
    assert (await cluster.until_over("pod"))["status"]["phase"] == "Succeeded"


async def test_an_image_of_missing_invalid_cannot_be_pulled(cluster):
    cluster.objects.create("pods", a_plain_pod("true", container={"image": "missing.invalid/it:1"}))
    pod = await cluster.until_waiting("pod", "ImagePullBackOff")
    assert pod["status"]["phase"] == "Pending"
    cluster.delete("pods", "pod")
    await cluster.until(("pods", "pod"), lambda pod: pod is None)


async def test_a_command_that_does_not_exist_is_a_start_error(cluster):
    cluster.objects.create("pods", a_plain_pod("no-such-program"))
    ended = terminated_of(await cluster.until_over("pod"))
    assert (ended["exitCode"], ended["reason"]) == (128, "StartError")


async def test_a_node_selector_that_does_not_match_is_unschedulable(cluster):
    cluster.objects.create("pods", a_plain_pod("true", nodeSelector={"gpu": "yes"}))
    pod = await cluster.until(("pods", "pod"), lambda pod: "PodScheduled" in conditions_of(pod))
    scheduled = conditions_of(pod)["PodScheduled"]
    assert (scheduled["status"], scheduled["reason"]) == ("False", "Unschedulable")
    assert "didn't match Pod's node affinity/selector" in scheduled["message"]


async def test_a_pod_that_asks_for_more_than_there_is_is_unschedulable(cluster):
    resources = {"requests": {"memory": "900Ti"}}
    cluster.objects.create("pods", a_plain_pod("true", container={"resources": resources}))
    pod = await cluster.until(("pods", "pod"), lambda pod: "PodScheduled" in conditions_of(pod))
    assert conditions_of(pod)["PodScheduled"]["message"] == "0/1 nodes are available: 1 Insufficient memory."


async def test_a_pod_that_makes_no_sense_fails_alone(cluster):
    nonsense = a_plain_pod("true", name="nonsense", container={"env": [{"name": "NULL", "value": "a\0b"}]})
    cluster.objects.create("pods", nonsense)
    cluster.objects.create("pods", a_plain_pod("true"))
    assert (await cluster.until_over("nonsense"))["status"]["reason"] == "NodeFailure"
    assert (await cluster.until_over("pod"))["status"]["phase"] == "Succeeded"


SLEEP = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SLEEP


async def started(cluster, name="pod"):
    await cluster.until(
        ("pods", name), lambda pod: conditions_of(pod).get("Ready", {}).get("status") == "True"
    )
    async for line in cluster.node.read_log(cluster.get("pods", name), "runner", Options(follow=True)):
        return line
    raise AssertionError("it ended without a word")


def pid_of(pod):
    return int(pod["status"]["containerStatuses"][0]["containerID"].removeprefix("process://"))


@pytest.mark.parametrize(("code", "grace", "want"), [(SLEEP, 5, 143), (STUBBORN, 1, 137)])
async def test_a_deleted_pod_is_asked_to_stop_and_then_killed(cluster, code, grace, want):
    pod = a_plain_pod(*python(code), terminationGracePeriodSeconds=grace)
    # Held by a finalizer, so that its last status can be seen.
    pod["metadata"]["finalizers"] = ["example.com/look"]
    cluster.objects.create("pods", pod)
    await started(cluster)
    cluster.delete("pods", "pod")
    ended = await cluster.until_over("pod")
    assert (terminated_of(ended)["exitCode"], ended["status"]["phase"]) == (want, "Failed")


async def test_more_memory_than_the_limit_ends_in_oom_killed(cluster):
    hog = "import time; held = bytearray(128 << 20); print('up', flush=True); time.sleep(600)"
    limits = {"resources": {"limits": {"memory": "64Mi"}}}
    cluster.objects.create("pods", a_plain_pod(*python(hog), container=limits))
    ended = terminated_of(await cluster.until_over("pod"))
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")


async def test_memory_of_children_counts(cluster):
    child = "held = bytearray(128 << 20); import time; time.sleep(600)"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {child!r}], start_new_session=True)"
    limits = {"resources": {"limits": {"memory": "64Mi"}}}
    cluster.objects.create("pods", a_plain_pod(*python(code), container=limits))
    assert terminated_of(await cluster.until_over("pod"))["reason"] == "OOMKilled"


async def test_a_log_can_be_read_from_its_end_or_with_times(cluster):
    cluster.objects.create("pods", a_plain_pod(*python("print('one\\ntwo\\nthree', end='')")))
    await cluster.until_over("pod")
    assert await cluster.log("pod", Options(tail_lines=2)) == ["two\n", "three\n"]
    assert await cluster.log("pod", Options(limit_bytes=5)) == ["one\n", "t"]
    (line,) = await cluster.log("pod", Options(tail_lines=1, timestamps=True))
    assert line.startswith("20") and line.endswith("Z three\n")


async def test_a_followed_log_ends_with_the_pod(cluster):
    code = "import sys\nprint('first', flush=True)\nfor i in range(3): print(i, flush=True)"
    cluster.objects.create("pods", a_plain_pod(*python(code)))
    assert await cluster.log("pod", Options(follow=True)) == ["first\n", "0\n", "1\n", "2\n"]


async def test_no_more_pods_run_at_once_than_may(tmp_path):
    async with SmallCluster(tmp_path, max_pods=1) as cluster:
        cluster.objects.create("pods", a_plain_pod(*python(SLEEP), name="first"))
        cluster.objects.create("pods", a_plain_pod("true", name="second"))
        await started(cluster, "first")
        second = await cluster.until(("pods", "second"), lambda pod: "PodScheduled" in conditions_of(pod))
        assert conditions_of(second)["PodScheduled"]["message"].endswith("Too many pods.")
        cluster.delete("pods", "first")
        assert (await cluster.until_over("second"))["status"]["phase"] == "Succeeded"


async def test_the_node_leaves_no_process_behind(tmp_path):
    async with SmallCluster(tmp_path) as cluster:
        cluster.objects.create("pods", a_plain_pod(*python(STUBBORN)))
        await started(cluster)
        pid = pid_of(cluster.get("pods", "pod"))
    assert not proc.is_alive(pid)


PARENT = """
import subprocess, sys, time
from pathlib import Path
from ferryman.dev.processes.reaper import Reaper
with Reaper(Path(sys.argv[1])) as reaper:
    child = subprocess.Popen([sys.executable, "-S", "-c", {child!r}], start_new_session=True)
    reaper.add(child.pid)
    print(reaper.pid, child.pid, flush=True)
    time.sleep(600)
"""


def test_the_reaper_ends_what_a_killed_cluster_left(tmp_path):
    directory = tmp_path / "cluster"
    directory.mkdir()
    script = PARENT.format(child=STUBBORN)
    with subprocess.Popen([sys.executable, "-c", script, str(directory)], stdout=subprocess.PIPE) as parent:
        reaper, child = map(int, parent.stdout.readline().split())
        assert proc.is_alive(child)
        reaper_handle = os.pidfd_open(reaper)
        parent.send_signal(signal.SIGKILL)
    os.set_blocking(reaper_handle, True)
    import select

    assert select.select([reaper_handle], [], [], 30)[0]
    os.close(reaper_handle)
    assert not proc.is_alive(child)
    assert not directory.exists()
