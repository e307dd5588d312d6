"""Removing what a cluster leaves on the machine, also where the run that made it was killed half-way."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import time
from pathlib import Path

from cluster import kubelet, network
from cluster.paths import RUN, STATE
from cluster.processes import end, marked

_UMOUNT = ctypes.CDLL(None, use_errno=True).umount2
_DETACH = 2

# Names that the kubelet, containerd and the network plugins have hard-wired; removed when they are empty.
SHARED = (
    Path("/var/lib/kubelet/device-plugins"),
    Path("/var/lib/kubelet/plugins_registry"),
    Path("/var/lib/kubelet/plugins"),
    Path("/var/lib/kubelet/pod-resources"),
    Path("/var/lib/kubelet"),
    Path("/var/log/containers"),
    Path("/var/lib/cni/results"),
    Path("/var/lib/cni"),
    Path("/run/containerd/s"),
    Path("/run/containerd"),
    Path("/usr/libexec/kubernetes/kubelet-plugins/volume/exec"),
    Path("/usr/libexec/kubernetes/kubelet-plugins/volume"),
    Path("/usr/libexec/kubernetes/kubelet-plugins"),
    Path("/usr/libexec/kubernetes"),
)


def remove() -> None:
    """End every process of the cluster, unmount all its mounts and delete its files and its bridge."""
    # Without a chance to tidy up: nothing is kept, and what was killed half-way has to be removed in any case.
    end([pid for pid, name in marked() if name == "kubelet"], signal.SIGKILL)
    end([pid for pid, _ in marked()], signal.SIGKILL)
    kubelet.end_containers()
    _unmount()
    network.down()
    _remove_cgroups()
    _remove_links()
    _remove_hard_wired_files()
    for folder in (RUN, STATE):
        _empty(folder)
        _remove_if_unused(folder)
    for folder in SHARED:
        _remove_if_unused(folder)


def found() -> list[str]:
    """What there is of a cluster, in words; empty after `remove`."""
    left = [f"process {pid} of {name}" for pid, name in marked()]
    left += [f"mount {mount}" for mount in _mounts()]
    left += [f"cgroup {cgroup}" for cgroup in kubelet.cgroups() if cgroup.exists()]
    left += [f"folder {folder}" for folder in (RUN, STATE) if folder.exists() and not _is_anothers(folder)]
    if Path("/sys/class/net", network.BRIDGE).exists():
        left.append(f"bridge {network.BRIDGE}")
    return left


def _unmount() -> None:
    for mount in reversed(_mounts()):
        # Lazily: it disappears now, whoever still has a file open in it.
        _UMOUNT(os.fsencode(mount), _DETACH)


def _mounts() -> list[str]:
    return mounts_below(_lines(Path("/proc/self/mountinfo")))


def mounts_below(mountinfo: list[str]) -> list[str]:
    """Every mount point below the cluster's folders, parents first.

    Not the folders themselves: nothing of the cluster is mounted there. Somebody may have put a file system of
    his own over them, to keep this cluster apart from another; without it, we would delete that other's files.
    """
    points = [line.split()[4].encode().decode("unicode_escape") for line in mountinfo]
    return [point for point in points if any(folder in Path(point).parents for folder in (RUN, STATE))]


def _empty(folder: Path) -> None:
    """Delete what is in it, and leave alone what is mounted at it."""
    for entry in list(folder.iterdir()) if folder.exists() else ():
        if entry.is_symlink() or not entry.is_dir():
            entry.unlink(missing_ok=True)
            continue
        shutil.rmtree(entry, ignore_errors=True)
        if entry.exists():
            # A mount that was busy a moment ago.
            _unmount()
            shutil.rmtree(entry)


def _is_anothers(folder: Path) -> bool:
    """Whether it is an empty folder that remains because a file system is mounted at it."""
    return folder.is_mount() and not any(folder.iterdir())


def _remove_cgroups() -> None:
    for cgroup in kubelet.cgroups():
        if cgroup.exists():
            for folder, _, _ in os.walk(cgroup, topdown=False):
                _rmdir(Path(folder))


def _rmdir(cgroup: Path) -> None:
    # A cgroup is busy until the kernel has buried its last process.
    for _ in range(100):
        try:
            cgroup.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return


def _remove_links() -> None:
    containers = Path("/var/log/containers")
    for link in containers.iterdir() if containers.exists() else ():
        if link.is_symlink() and Path(os.readlink(link)).is_relative_to(STATE):
            link.unlink()


def _remove_hard_wired_files() -> None:
    for record in Path("/var/lib/cni/results").glob("*"):
        # The plugins note there which network namespace they have configured.
        if str(RUN) in record.read_text():
            record.unlink()
    known = [*Path("/run/containerd/s").glob("*"), *Path("/var/lib/kubelet").glob("*/kubelet.sock")]
    for path in known:
        if not _is_served(path):
            path.unlink()
    Path("/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint").unlink(missing_ok=True)


def _is_served(path: Path) -> bool:
    """Whether somebody listens at a socket: it is another containerd's or kubelet's then."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            return False
        except OSError:
            return True
    return True


def _remove_if_unused(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().split("\n")[:-1]
    except OSError:
        return []
