"""The logger of a run: `get_run_logger()`. Standard library only."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any, Final

from ferryman.context import FlowRunContext, get_run_context

_FORMAT: Final = "%(asctime)s | %(levelname)-7s | %(run_name)s - %(message)s"
_NAMES: Final = {True: "ferryman.flow_runs", False: "ferryman.task_runs"}

if TYPE_CHECKING:
    _Adapter = logging.LoggerAdapter[logging.Logger]
else:
    _Adapter = logging.LoggerAdapter


class RunLogger(_Adapter):
    """Records that know their run: `run_name`, `run_id` and `run_count` are among their attributes."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """The message as it is; the caller's own `extra` beside the run's."""
        kwargs["extra"] = {**(self.extra or {}), **kwargs.get("extra", {})}
        return msg, kwargs


def get_run_logger() -> RunLogger:
    """The logger of the innermost run: `ferryman.task_runs`, or in a flow `ferryman.flow_runs`.

    Where logging has not been configured, as in a pod, its records go to stderr from level INFO
    on, a line for each. Raises MissingContextError outside of a run.
    """
    here = get_run_context()
    is_flow = isinstance(here, FlowRunContext)
    run = here.flow_run if isinstance(here, FlowRunContext) else here.task_run
    logger = logging.getLogger(_NAMES[is_flow])
    if not logger.hasHandlers():
        logger.addHandler(_Unconfigured())
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.INFO)
    return RunLogger(logger, {"run_name": run.name, "run_id": run.id, "run_count": run.run_count})


class _Unconfigured(logging.Handler):
    """Writes to what stderr is at the time, until somebody configures logging."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(_FORMAT, "%H:%M:%S", defaults={"run_name": "-"}))

    def emit(self, record: logging.LogRecord) -> None:
        if logging.getLogger().handlers:
            return
        try:
            sys.stderr.write(self.format(record) + "\n")
        except Exception:  # noqa: BLE001 - logging never raises; whatever stands in the place of stderr.
            self.handleError(record)
