"""Releases of the chart in the cluster that FERRYMAN_TEST_KUBECONFIG leads to; nothing of it need be able to run pods."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from builders.chart import CHART, helm

VARIABLE = "FERRYMAN_TEST_KUBECONFIG"
LIMIT_SECONDS = 120


class CommandFailed(Exception):
    """kubectl or helm ended with an error; the message is what it said."""


def run(*command: str, stdin: Any = None) -> str:
    """What a command prints, with the test cluster's kubeconfig. Raises CommandFailed."""
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        input=None if stdin is None else json.dumps(stdin),
        env=environment(),
        timeout=LIMIT_SECONDS,
    )
    if done.returncode:
        raise CommandFailed(done.stderr)
    return done.stdout


def environment() -> dict[str, str]:
    """Of a command that talks to the cluster; its kubectl is beside the kubeconfig where the machine has none."""
    kubeconfig = os.environ.get(VARIABLE)
    if not kubeconfig:
        pytest.skip(f"{VARIABLE} is not set: these tests need a real API server")
    path = f"{os.environ['PATH']}:{Path(kubeconfig).resolve().parent / 'bin'}"
    return {**os.environ, "KUBECONFIG": kubeconfig, "PATH": path}


def kubectl(*arguments: str, stdin: Any = None) -> str:
    return run("kubectl", *arguments, stdin=stdin)


@dataclass(frozen=True)
class Release:
    """A release in `namespace` that serves the TaskRuns of `runs`, without a replica."""

    name: str
    namespace: str
    runs: str

    @property
    def account(self) -> str:
        """The operator's service account."""
        return f"{self.name}-ferryman"

    @property
    def user(self) -> str:
        """The operator's account as the API server names it."""
        return f"system:serviceaccount:{self.namespace}:{self.account}"

    def helm(self, verb: str, *arguments: str) -> str:
        return run(helm(), verb, self.name, *arguments, "--namespace", self.namespace)

    def install(self) -> None:
        self.helm("install", str(CHART), "--create-namespace", *self.values)

    @property
    def values(self) -> tuple[str, ...]:
        return (
            f"--set=namespaces={{{self.runs}}}",
            "--set=operator.replicas=0",
            "--set=stores.default.bucket=e2e",
        )


@contextmanager
def a_release() -> Iterator[Release]:
    """Installed in namespaces of its own, which end with the block; the CRD stays."""
    suffix = secrets.token_hex(3)
    release = Release(f"e2e-{suffix}", f"ferryman-{suffix}", f"runs-{suffix}")
    kubectl("create", "namespace", release.runs)
    try:
        release.install()
        yield release
    finally:
        run(helm(), "uninstall", release.name, "--namespace", release.namespace, "--ignore-not-found")
        kubectl("delete", "namespace", release.runs, release.namespace, "--wait=false", "--ignore-not-found")
