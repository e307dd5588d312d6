"""`python -m cluster`: bring the test cluster up, take it down, stop and start a part of it."""

from __future__ import annotations

import argparse

from cluster import lifecycle, processes
from cluster.paths import LOGS


def main() -> None:
    arguments = _parser().parse_args()
    match arguments.command:
        case "up":
            lifecycle.up(tuple(arguments.nodes.replace(",", " ").split()))
        case "down":
            lifecycle.down()
        case "programs":
            lifecycle.get_programs()
        case "images":
            lifecycle.save_images()
        case "stop":
            processes.stop(lifecycle.part(arguments.part), kill=arguments.kill)
        case "start":
            processes.start(lifecycle.part(arguments.part))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m cluster", description=__doc__, epilog=f"Logs are in {LOGS}."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="bring the cluster up, or complete the one that runs")
    up.add_argument(
        "--nodes", default="real", help="real, fake, or both; pods go to the first (default: real)"
    )
    commands.add_parser("down", help="take it down and leave nothing behind")
    commands.add_parser(
        "programs", help="compile what is not compiled yet, and say where kubectl and helm are"
    )
    commands.add_parser("images", help="write the images as docker archives")
    stop = commands.add_parser("stop", help="stop a daemon, such as kubelet or kube-apiserver")
    stop.add_argument("part")
    stop.add_argument("--kill", action="store_true", help="by SIGKILL")
    start = commands.add_parser("start", help="start it again")
    start.add_argument("part")
    return parser


if __name__ == "__main__":
    main()
