"""Install, upgrade, roll back, uninstall: the CRD and the runs outlive all of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from builders.chart import CHART, helm
from builders.releases import CommandFailed, Release, a_release, kubectl, run
from ferryman.api import names

CRD = f"{names.PLURAL}.{names.GROUP}"

# There is one CRD in the cluster, and a test here changes it for a while.
pytestmark = pytest.mark.xdist_group("chart")


def uid_of_the_crd() -> str:
    return kubectl("get", "crd", CRD, "-o", "jsonpath={.metadata.uid}")


def with_a_run(release: Release) -> str:
    """The UID of a TaskRun that no operator touches for long."""
    run = {
        "apiVersion": names.API_VERSION,
        "kind": names.KIND,
        "metadata": {"name": "later", "namespace": release.runs},
        "spec": {
            "task": {"name": "mean"},
            "function": {"entrypoint": "statistics:mean"},
            "startAt": "2099-01-01T00:00:00Z",
        },
    }
    return json.loads(kubectl("create", "-f", "-", "-o", "json", stdin=run))["metadata"]["uid"]


def uid_of_the_run(release: Release) -> str:
    return kubectl("get", names.PLURAL, "later", "-n", release.runs, "-o", "jsonpath={.metadata.uid}")


def test_upgrade_rollback_and_uninstall_keep_the_crd_and_the_runs():
    with a_release() as release:
        before = (uid_of_the_crd(), with_a_run(release))
        release.helm("upgrade", str(CHART), *release.values, "--set=settings.concurrency=8")
        assert (uid_of_the_crd(), uid_of_the_run(release)) == before
        release.helm("rollback", "1")
        assert (uid_of_the_crd(), uid_of_the_run(release)) == before
        release.helm("uninstall")
        assert (uid_of_the_crd(), uid_of_the_run(release)) == before


def test_a_new_install_finds_what_an_old_one_left():
    with a_release() as release:
        run = with_a_run(release)
        release.helm("uninstall")
        release.install()
        assert uid_of_the_run(release) == run


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The chart, whose CRD has a field more."""
    chart = shutil.copytree(CHART, tmp_path / "ferryman")
    crd = chart / "crds" / "taskruns.yaml"
    old = crd.read_text()
    new = old.replace(
        "nextAttemptAt:", "newlyWritten:\n                type: string\n              nextAttemptAt:", 1
    )
    assert new != old
    crd.write_text(new)
    return chart


def test_an_upgrade_stops_where_the_crd_is_older_than_the_chart(release, newer):
    with pytest.raises(CommandFailed) as refused:
        release.helm("upgrade", str(newer), *release.values)
    told = str(refused.value)
    assert "It lacks\n  .status.newlyWritten\n\nNothing was changed." in told
    assert "kubectl apply --server-side" in told
    assert len(json.loads(release.helm("history", "-o", "json"))) == 1


def fields_of_the_status() -> set[str]:
    crd = json.loads(kubectl("get", "crd", CRD, "-o", "json"))
    return set(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"])


def take_crds(chart: Path) -> None:
    """What the message of a stopped upgrade says to do."""
    crds = run(helm(), "show", "crds", str(chart))
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.safe_load(crds))


def test_the_command_that_it_prints_brings_the_crd_and_lets_the_upgrade_through(newer):
    with a_release() as release:
        before = (uid_of_the_crd(), with_a_run(release))
        try:
            take_crds(newer)
            release.helm("upgrade", str(newer), *release.values)
            assert "newlyWritten" in fields_of_the_status()
            assert (uid_of_the_crd(), uid_of_the_run(release)) == before
        finally:
            take_crds(CHART)
        assert "newlyWritten" not in fields_of_the_status()


def test_the_check_can_be_switched_off(newer):
    with a_release() as release:
        release.helm("upgrade", str(newer), *release.values, "--set=crds.check=false")
