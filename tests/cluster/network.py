"""The cluster's addresses and its bridge: pods reach the API server and the store through it, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

from cluster import packages
from cluster.commands import CommandFailed, run
from cluster.paths import RUN, STATE

BRIDGE = "ferryman0"
PODS = "10.88.0.0/16"
HOST = "10.88.0.1"
"""The machine, as pods see it."""
SERVICES = "10.89.0.0/24"
API = "10.89.0.1"
"""The address of the Service `kubernetes`. The API server listens at it, so that nothing need be translated."""

HARDWARE_ADDRESS = "02:46:45:52:52:59"
"""Fixed: else a bridge takes the lowest of its ports' addresses, and connections hang when that pod goes."""

CONFIGURATION = STATE / "cni"
FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
FORWARDING_BEFORE = STATE / "ip_forward"


def up() -> None:
    """Make the bridge with its addresses, and the configuration of the plugins."""
    ip = packages.program("ip")
    if not Path("/sys/class/net", BRIDGE).exists():
        run(ip, "link", "add", BRIDGE, "address", HARDWARE_ADDRESS, "type", "bridge")
    run(ip, "address", "replace", f"{HOST}/16", "dev", BRIDGE)
    run(ip, "address", "replace", f"{API}/32", "dev", BRIDGE)
    run(ip, "link", "set", BRIDGE, "up")
    # The bridge plugin turns it on; it is put back in the end.
    FORWARDING_BEFORE.write_text(FORWARDING.read_text())
    CONFIGURATION.mkdir(parents=True, exist_ok=True)
    (CONFIGURATION / "10-ferryman.conflist").write_text(json.dumps(_plugins()))


def down() -> None:
    """Remove the bridge, and with it every pod's end of it."""
    if FORWARDING_BEFORE.exists():
        FORWARDING.write_text(FORWARDING_BEFORE.read_text())
    if Path("/sys/class/net", BRIDGE).exists():
        try:
            run(packages.program("ip"), "link", "delete", BRIDGE)
        except CommandFailed:
            if Path("/sys/class/net", BRIDGE).exists():
                raise


def _plugins() -> dict[str, object]:
    addresses = {
        "type": "host-local",
        "dataDir": str(RUN / "addresses"),
        "ranges": [[{"subnet": PODS, "gateway": HOST}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": BRIDGE, "isGateway": True, "ipMasq": False, "ipam": addresses}
    return {"cniVersion": "0.4.0", "name": "ferryman", "plugins": [bridge]}
