"""containerd, with its own state beside any that the machine already runs."""

from __future__ import annotations

import re
import subprocess

from cluster import images, network, packages
from cluster.paths import RUN, STATE
from cluster.processes import Process

SOCKET = RUN / "containerd.sock"
CONFIGURATION = STATE / "containerd.toml"

_CONTENTS = "ferryman.dev/contents"
"""The label of an image that has its digest."""

# `restrict_oom_score_adj`: where a negative score may not be set, no sandbox starts without it.
# `netns_mounts_under_state_dir`: all that is mounted is under one folder, where it is found and unmounted.
_CONFIGURATION = f"""\
version = 2
root = "{STATE}/containerd"
state = "{RUN}/containerd"

[grpc]
  address = "{SOCKET}"

[plugins."io.containerd.internal.v1.opt"]
  path = "{STATE}/opt"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{images.PAUSE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true

  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{packages.PLUGINS}"
    conf_dir = "{network.CONFIGURATION}"

  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"

    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
      Root = "{RUN}/runc"
"""


def containerd() -> Process:
    CONFIGURATION.write_text(_CONFIGURATION)
    RUN.mkdir(parents=True, exist_ok=True)
    return Process("containerd", (packages.program("containerd"), "--config", str(CONFIGURATION)), _answers)


def ctr(*words: str) -> tuple[str, ...]:
    """The command line of `ctr` for the images that the kubelet uses."""
    return (packages.program("ctr"), "--address", str(SOCKET), "--namespace", "k8s.io", *words)


def load(image: images.Image) -> None:
    """Import an image, unless containerd has exactly this one."""
    if digest(image.name) == image.digest:
        return
    with subprocess.Popen(
        ctr("images", "import", "-"), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as importing:
        assert importing.stdin is not None
        images.write(image, importing.stdin)
        importing.stdin.close()
        if importing.wait():
            raise RuntimeError(f"containerd could not import {image.name}")
    label = f"{_CONTENTS}={image.digest}"
    subprocess.run(ctr("images", "label", image.name, label), check=True, capture_output=True)


def digest(name: str) -> str:
    """Of the image that containerd has under a name; "" if it has none of ours."""
    listed = subprocess.run(
        ctr("images", "list", f"name=={name}"), capture_output=True, text=True, check=False
    )
    found = re.search(rf"{re.escape(_CONTENTS)}=(\w+)", listed.stdout)
    return found[1] if found else ""


def _answers() -> bool:
    return SOCKET.exists() and not subprocess.run(ctr("version"), capture_output=True, check=False).returncode
