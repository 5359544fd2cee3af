"""The health of a node in OpenMetrics, for a collector such as Prometheus.

What is not known has no sample: a neighbour that was never heard has no time of its last word, rather than a zero.
"""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
    StateSetMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from node.health import Health, Instruments, LinkState, link_state
from node.territory import Centre
from node.version import VERSION

CONTENT_TYPE = CONTENT_TYPE_LATEST


def registry_of(centre: Centre, instruments: Instruments) -> CollectorRegistry:
    """A registry of this node alone; several nodes in one process do not share one."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(NodeCollector(centre, instruments))
    ProcessCollector(registry=registry)
    return registry


def exposition(registry: CollectorRegistry) -> bytes:
    """The text of one scrape."""
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]  # the library does not annotate it
    return text


class NodeCollector(Collector):
    """Reads the instruments anew for each scrape."""

    def __init__(self, centre: Centre, instruments: Instruments) -> None:
        """Take whose node this is, and where to read."""
        self._centre = centre
        self._instruments = instruments

    def collect(self) -> Iterator[Metric]:
        """All families, each with the samples that are known."""
        health = self._instruments.read()
        yield self._info()
        yield _gauge("lienthong_node_start_time_seconds", "When this node started.", health.started_at.timestamp())
        yield from _links(health)
        yield from _certificates(health)
        yield _tls_refusals(health)
        yield from _storage(health)
        yield from _jobs(health)
        yield _alarms(health)

    def _info(self) -> Metric:
        centre = self._centre
        facts = {"name": centre.name, "code": centre.code, "tier": centre.tier.value, "version": VERSION}
        return InfoMetricFamily("lienthong_node", "Which centre this is.", value=facts)


def _gauge(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _links(health: Health) -> Iterator[Metric]:
    states = StateSetMetricFamily(
        "lienthong_link_state", "What is heard of a neighbour; unknown is not lost.", labels=["peer", "relation"]
    )
    heard = GaugeMetricFamily(
        "lienthong_link_last_heard_timestamp_seconds", "When a neighbour last spoke.", labels=["peer"]
    )
    waiting = GaugeMetricFamily(
        "lienthong_link_waiting_records", "Records that a neighbour has not acknowledged.", labels=["peer", "lane"]
    )
    in_flight = GaugeMetricFamily("lienthong_link_in_flight_frames", "Frames sent, not acknowledged.", labels=["peer"])
    parked = GaugeMetricFamily("lienthong_link_parked_records", "Records kept and not applied.", labels=["peer"])
    for peer in health.peers:
        state = link_state(peer)
        states.add_metric([peer.name, peer.relation], {one.value: one is state for one in LinkState})
        if peer.last_heard_at is not None:
            heard.add_metric([peer.name], peer.last_heard_at.timestamp())
        for lane, count in peer.waiting.items():
            waiting.add_metric([peer.name, lane], count)
        in_flight.add_metric([peer.name], peer.in_flight)
        parked.add_metric([peer.name], peer.parked)
    yield from (states, heard, waiting, in_flight, parked)


def _certificates(health: Health) -> Iterator[Metric]:
    ends = GaugeMetricFamily(
        "lienthong_certificate_not_after_timestamp_seconds", "When a certificate ends.", labels=["certificate"]
    )
    for one in health.certificates:
        ends.add_metric([one.name], one.not_after.timestamp())
    yield ends


def _tls_refusals(health: Health) -> Metric:
    words = "Handshakes that TLS refused since this start: whose they were is not known."
    return CounterMetricFamily("lienthong_link_tls_refusals", words, value=health.tls_refusals)


def _storage(health: Health) -> Iterator[Metric]:
    yield _gauge("lienthong_disk_free_bytes", "Room on the disk of the node's folder.", health.disk.free)
    yield _gauge("lienthong_disk_size_bytes", "Size of the disk of the node's folder.", health.disk.total)
    if health.database_bytes is not None:
        yield _gauge("lienthong_database_size_bytes", "Size of the database with its log.", health.database_bytes)
    yield _gauge(
        "lienthong_restore_unsettled_neighbours", "Neighbours yet to be heard after a restore.", health.unsettled
    )


def _jobs(health: Health) -> Iterator[Metric]:
    done = GaugeMetricFamily(
        "lienthong_job_last_success_timestamp_seconds", "When a periodic job last ended well.", labels=["job"]
    )
    failing = GaugeMetricFamily("lienthong_job_failures_in_a_row", "Failures since a job ended well.", labels=["job"])
    for job in health.jobs:
        if job.last_ok_at is not None:
            done.add_metric([job.name], job.last_ok_at.timestamp())
        failing.add_metric([job.name], job.failures)
    yield from (done, failing)


def _alarms(health: Health) -> Metric:
    rung = CounterMetricFamily("lienthong_alarms", "Alarms since the node was founded.", labels=["code"])
    for code, count in sorted(health.alarms.items()):
        rung.add_metric([code], count)
    return rung
