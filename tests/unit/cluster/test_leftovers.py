"""What may be unmounted and killed: the cluster's own, and nothing else."""

from __future__ import annotations

from pathlib import Path

from cluster.kubelet import pids_in
from cluster.leftovers import mounts_below
from cluster.paths import RUN, STATE


def mounted(*points: Path) -> list[str]:
    return [f"36 35 98:0 / {str(point).replace(' ', chr(92) + '040')} rw - tmpfs none rw" for point in points]


def test_mounts_of_the_cluster_are_found_parents_first():
    points = [STATE / "kubelet", STATE / "kubelet/pods/a/volumes/b", RUN / "netns/c"]
    assert mounts_below(mounted(*points)) == [str(point) for point in points]


def test_a_file_system_over_one_of_its_folders_is_somebody_elses():
    assert mounts_below(mounted(RUN, STATE, STATE.parent, STATE / "kubelet")) == [f"{STATE}/kubelet"]


def test_a_folder_whose_name_only_begins_alike_is_none_of_the_clusters():
    assert mounts_below(mounted(Path(f"{STATE}-2/kubelet"))) == []


def test_blanks_in_a_path_are_read():
    assert mounts_below(mounted(STATE / "a volume")) == [f"{STATE}/a volume"]


def test_a_containers_process_outside_our_pid_namespace_is_left_alone(tmp_path):
    (tmp_path / "cgroup.procs").write_text("0\n71\n0\n")
    assert pids_in(tmp_path / "cgroup.procs") == [71]
