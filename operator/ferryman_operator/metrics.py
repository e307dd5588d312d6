"""What the operator counts: the one place that names its metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ferryman.api.phases import Phase

_LATENCY_BUCKETS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)
_LAG_BUCKETS: Final = (0.1, 0.3, 1, 3, 10, 30, 100)


class _Gauges(Collector):
    def __init__(self, name: str, text: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        self._name, self._text, self._label, self._read = name, text, label, read

    def collect(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily(self._name, self._text, labels=[self._label])
        for value, number in self._read().items():
            family.add_metric([value], number)
        yield family

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return ()


class Metrics:
    """In a registry of its own, so that several operators fit into one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        counter = partial(Counter, registry=self.registry)
        histogram = partial(Histogram, registry=self.registry)
        self.results = counter("ferryman_reconcile_total", "Reconciliations by result.", ["result"])
        self.seconds = histogram("ferryman_reconcile_seconds", "Their length.", buckets=_LATENCY_BUCKETS)
        self.phases = counter("ferryman_runs_total", "Runs that entered a phase.", ["phase"])
        self.conflicts = counter("ferryman_status_conflicts_total", "Status writes that lost a race.")
        self.requests = counter(
            "ferryman_api_requests_total", "Requests to the API server.", ["verb", "resource", "code"]
        )
        self.repairs = counter(
            "ferryman_audit_repairs_total", "Objects of which the watch had not told.", ["kind"]
        )
        self.lag = histogram(
            "ferryman_event_lag_seconds",
            "From the end of a Job, to the second, to our hearing of it.",
            buckets=_LAG_BUCKETS,
        )

    def reconciled(self, result: str, seconds: float) -> None:
        """A reconciliation is over."""
        self.results.labels(result).inc()
        self.seconds.observe(seconds)

    def entered(self, phase: Phase) -> None:
        """A run is in a new phase."""
        self.phases.labels(phase.value).inc()

    def requested(self, verb: str, resource: str, code: str) -> None:
        """A request was answered; `code` is "error" where it was not."""
        self.requests.labels(verb, resource, code).inc()

    def gauge(self, name: str, text: str, read: Callable[[], float]) -> None:
        """A value that is read when somebody asks."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def gauges(self, name: str, text: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        """Values by label that are read when somebody asks."""
        self.registry.register(_Gauges(name, text, label, read))

    def render(self) -> bytes:
        """In Prometheus' text format."""
        return generate_latest(self.registry)
