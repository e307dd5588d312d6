"""`python -m ferryman_operator --config FILE`: run the operator until SIGTERM."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from ferryman_operator import auth, logs, settings
from ferryman_operator.clock import SystemClock
from ferryman_operator.service import Service, Stopped


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 after a signal, 1 if it cannot go on, 2 if it is not configured."""
    parser = argparse.ArgumentParser(prog="ferryman_operator", description="Turns TaskRuns into Jobs.")
    parser.add_argument("--config", help=f"YAML or JSON; default: ${settings.CONFIG_VARIABLE}")
    chosen = parser.parse_args(arguments)
    clock = SystemClock()
    try:
        configuration = settings.load(chosen.config)
        connection = auth.connect(os.environ, clock.monotonic)
    except (settings.InvalidSettings, auth.NoCluster) as error:
        return _fail(error, 2)
    logs.configure(configuration.log.level, as_json=configuration.log.format == "json")
    try:
        asyncio.run(_run(configuration, connection, clock))
    except Stopped as error:
        return _fail(error, 1)
    return 0


async def _run(configuration: settings.Settings, connection: auth.Connection, clock: SystemClock) -> None:
    await Service(configuration, connection, clock).run()


def _fail(error: Exception, code: int) -> int:
    print(f"ferryman_operator: {error}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    sys.exit(main())
