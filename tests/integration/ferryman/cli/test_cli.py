from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ferryman
from ferryman import cli
from ferryman.dev.processes import proc

PATIENCE = 60


def invoke(capsys, *arguments):
    """Exit code, stdout, stderr of `ferryman *arguments`, in this process."""
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    out = capsys.readouterr()
    return ended.value.code, out.out, out.err


@ferryman.task
def greet(name):
    print(f"hello {name}")
    return name.upper()


@ferryman.task
def fail():
    raise ValueError("no such day")


@ferryman.task
def dawdle():
    print("dawdling", flush=True)
    time.sleep(600)


def test_runs_shows_what_became_of_them(in_cluster, capsys):
    assert greet.submit("ann").result(timeout=PATIENCE) == "ANN"
    with pytest.raises(ValueError):
        fail.submit().result(timeout=PATIENCE)
    code, out, _ = invoke(capsys, "runs")
    assert code == 0
    rows = {line.split()[1]: line.split() for line in out.splitlines()[1:]}
    assert rows["greet"][2:4] == ["Completed", "1/1"]
    assert rows["fail"][2] == "Failed"
    assert "UserException:" in rows["fail"]


def test_runs_of_an_empty_namespace_says_so(in_cluster, namespace, capsys):
    assert invoke(capsys, "runs") == (0, f"No runs in namespace {namespace}.\n", "")


def test_logs_shows_what_a_run_printed(in_cluster, capsys):
    future = greet.submit("bob")
    future.result(timeout=PATIENCE)
    code, out, _ = invoke(capsys, "logs", future.name)
    assert (code, out) == (0, "hello bob\n")


def test_logs_can_be_followed_until_the_run_is_over(in_cluster, capsys):
    future = greet.submit("cid")
    assert invoke(capsys, "logs", future.name, "-f")[:2] == (0, "hello cid\n")
    assert future.result(timeout=PATIENCE) == "CID"


def test_logs_of_an_attempt_that_never_was_is_one_line_on_stderr(in_cluster, capsys):
    future = greet.submit("dan")
    future.result(timeout=PATIENCE)
    code, _, err = invoke(capsys, "logs", future.name, "--attempt", "7")
    assert (code, err) == (1, f"ferryman: run {future.name} has no attempt 7; its last one is 1\n")


def test_cancel_stops_a_run(in_cluster, capsys):
    future = dawdle.submit()
    code, out, _ = invoke(capsys, "cancel", future.name)
    assert (code, out) == (0, f"{future.name}: cancel requested\n")
    with pytest.raises(ferryman.exceptions.CancelledRun):
        future.result(timeout=PATIENCE)
    assert invoke(capsys, "cancel", future.name)[1] == f"{future.name}: over already (Cancelled)\n"


def test_cancel_goes_on_after_a_name_that_it_does_not_know(in_cluster, capsys):
    future = dawdle.submit()
    code, out, err = invoke(capsys, "cancel", "nobody", future.name)
    assert code == 1
    assert "cancel requested" in out
    assert err.startswith("ferryman: ") and err.count("\n") == 1


def test_doctor_finds_an_embedded_cluster_well(in_cluster, capsys):
    code, out, _ = invoke(capsys, "doctor")
    assert code == 0, out
    subjects = [line.split()[1] for line in out.splitlines() if line.startswith("ok")]
    assert subjects == ["kubeconfig", "API", "TaskRun", "rights", "operator", "Python", "store"]


def test_doctor_says_what_is_wrong_with_the_store(in_cluster, capsys, monkeypatch):
    monkeypatch.setenv("FERRYMAN_STORE_BUCKET", "no-such-bucket")
    monkeypatch.setenv("FERRYMAN_STORE_ENDPOINT", in_cluster.store.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    code, out, _ = invoke(capsys, "doctor")
    assert code == 1
    assert re.search(r"^NO\s+store\s", out, re.MULTILINE)
    assert out.endswith("1 problem.\n")


def test_doctor_without_a_kubeconfig_says_how_to_get_one(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    code, out, _ = invoke(capsys, "doctor")
    assert code == 1
    assert "ferryman dev up" in out


def test_without_a_kubeconfig_every_command_fails_in_one_line(capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    for arguments in (("runs",), ("logs", "x"), ("cancel", "x")):
        code, out, err = invoke(capsys, *arguments)
        assert (code, out, err.count("\n")) == (1, "", 1)


def test_the_version_is_told(capsys):
    assert invoke(capsys, "--version") == (0, f"ferryman {ferryman.__version__}\n", "")


SCRIPT = """
import json, os, sys
from pathlib import Path
from ferryman import task

@task
def add(a, b):
    return a + b

if __name__ == "__main__":
    Path("seen.json").write_text(json.dumps([add.submit(1, 2).result(timeout=60), sys.argv[1:], os.environ["KUBECONFIG"]]))
    sys.exit(7)
"""


def test_dev_run_runs_a_script_and_exits_as_it_did(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "ferryman", "dev", "run", "script.py", "--fast", "x"]
    environment = {**os.environ, "FERRYMAN_NAMESPACE": "elsewhere"}
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 7, ended.stderr
    result, arguments, kubeconfig = json.loads((tmp_path / "seen.json").read_text())
    assert (result, arguments) == (3, ["--fast", "x"])
    assert not Path(kubeconfig).parent.exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_dev_up_leaves_nothing_behind(tmp_path, how):
    kubeconfig = tmp_path / "kubeconfig"
    command = [sys.executable, "-m", "ferryman", "dev", "up", "--kubeconfig", str(kubeconfig)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as up:
        told = ""
        while "Ctrl-C stops it." not in told:
            line = up.stdout.readline()
            assert line, told
            told += line
        assert f"export KUBECONFIG={kubeconfig}" in told
        pid, directory = re.search(r"pid (\d+), log (\S+)/operator.log", told).groups()
        children = proc.tree(up.pid)[1:]
        assert int(pid) in children
        up.send_signal(how)
        assert ("Stopped; nothing is left." in up.stdout.read()) == (how is signal.SIGINT)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and (any(map(proc.is_alive, children)) or Path(directory).exists()):
        time.sleep(0.05)
    assert not any(map(proc.is_alive, children))
    assert not Path(directory).exists()
    assert up.returncode == (0 if how is signal.SIGINT else -signal.SIGKILL)


def test_dev_up_does_not_overwrite_the_kubeconfig_of_another_cluster(tmp_path, capsys):
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("current-context: production\n")
    code, _, err = invoke(capsys, "dev", "up", "--kubeconfig", str(kubeconfig))
    assert code == 1
    assert "is the kubeconfig of another cluster" in err
    assert kubeconfig.read_text() == "current-context: production\n"
