"""Metrics as text, made when they are asked for from counters that are there anyway."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from b2bua.metrics.tally import CallTally, Histogram
from rtp_relay.control import Measures

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class Sources(NamedTuple):
    """What the service has counted. states: running calls by state. refused: calls for which there was no room.
    strangers: calls from no trunk's source. dropped: SIP messages by reason. sizes: of the stack. lateness: seconds
    that timers are late by. relay: None while there is none, or it does not answer.
    """

    tally: CallTally
    states: Mapping[str, int]
    refused: int
    strangers: int
    dropped: Mapping[str, int]
    sizes: Mapping[str, int]
    lateness: float
    is_draining: bool
    records_waiting: int
    events_waiting: int
    version: str
    relay: Measures | None


def exposition(sources: Sources) -> bytes:
    """All metrics in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Once(sources))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Once(Collector):
    """A registry asks when something is registered, for the names, and when the text is made: the same both times."""

    def __init__(self, sources: Sources) -> None:
        self._metrics = [*_calls(sources), *_core(sources), *_relay(sources.relay)]

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _calls(sources: Sources) -> Iterator[Metric]:
    tally = sources.tally
    yield _counter("multiring_calls", "Calls that have ended, by outcome.", "outcome", tally.outcomes)
    yield _gauge("multiring_calls_running", "Calls that run now, by state.", "state", sources.states)
    yield _counter("multiring_recipients", "What became of recipients.", "outcome", tally.recipients)
    yield _histogram("multiring_answer_seconds", "From the caller's INVITE to the answer.", tally.answer)
    yield _histogram("multiring_talk_seconds", "From the answer to the end.", tally.talk)
    yield _histogram("multiring_mos", "How a direction of a call was heard, E-model (ITU-T G.107).", tally.mos)
    yield _histogram("multiring_round_trip_seconds", "From one far end to the other and back.", tally.round_trip)
    yield _counter("multiring_one_way", "Directions that brought no audio while the other one did.", "", tally.one_way)
    yield _counter("multiring_media_packets", "RTP packets received in calls that have ended.", "", tally.packets)
    yield _counter("multiring_media_lost", "RTP packets lost before they came here, in the same calls.", "", tally.lost)


def _core(sources: Sources) -> Iterator[Metric]:
    yield _counter("multiring_calls_without_room", "Calls answered 503 for a limit.", "", sources.refused)
    unknown = "Calls refused, or left without an answer, since no trunk has their source."
    yield _counter("multiring_calls_of_strangers", unknown, "", sources.strangers)
    yield _counter("multiring_bugs", "Calls that were ended by an error of the service.", "", sources.tally.bugs)
    yield _counter("multiring_sip_dropped", "SIP messages dropped, by reason.", "reason", sources.dropped)
    yield _gauge("multiring_sip_state", "What the SIP stack holds now.", "kind", sources.sizes)
    yield _gauge("multiring_loop_lateness_seconds", "How late timers are, a running mean.", "", sources.lateness)
    yield _gauge("multiring_draining", "1 while no new calls are taken because of a stop.", "", sources.is_draining)
    yield _gauge("multiring_records_waiting", "Call records not written yet.", "", sources.records_waiting)
    yield _gauge("multiring_events_waiting", "Webhook events not delivered yet.", "", sources.events_waiting)
    yield _gauge("multiring_configuration", "The configuration in use.", "version", {sources.version: 1})


def _relay(measures: Measures | None) -> Iterator[Metric]:
    yield _gauge("multiring_relay_up", "1 if the relay answers.", "", measures is not None)
    if measures is None:
        return
    m = measures
    ports = {"lent": m.ports_lent, "free": m.ports_free, "resting": m.ports_resting, "leased": m.ports_leased}
    yield _gauge("multiring_relay_form", "How packets are forwarded.", "form", {m.form: 1})
    yield _gauge("multiring_relay_calls", "Calls that have ports.", "", m.calls)
    yield _gauge("multiring_relay_ports", "Pairs of ports that are open, by what they do.", "state", ports)
    yield _gauge("multiring_relay_flows", "Streams that the kernel forwards by itself.", "", m.flows)
    yield _gauge("multiring_relay_playing", "Far ends that something is played to.", "", m.playing)
    came = {"socket": m.packets, "kernel": m.kernel_packets}
    yield _counter("multiring_relay_packets", "Packets of any kind, by who took them.", "by", came)
    octets = {"socket": m.octets, "kernel": m.kernel_octets}
    yield _counter("multiring_relay_octets", "Their UDP payload.", "by", octets)
    yield _counter("multiring_relay_sent", "Packets sent on from sockets.", "", m.sent)
    errors = {"send": m.send_errors, "receive": m.receive_errors}
    yield _counter("multiring_relay_errors", "What the system refused to send, or told of it.", "what", errors)
    yield _counter("multiring_relay_raised", "Packets of a flow that the kernel left to the sockets.", "", m.raised)
    uncopied = "Packets forwarded that no recording and no listener has got: the ring for copies was full."
    yield _counter("multiring_relay_uncopied", uncopied, "", m.uncopied)
    yield _counter("multiring_relay_strangers", "Packets of strangers, in calls that have ended.", "", m.strangers)
    dropped_there = "Packets of strangers that the kernel has dropped, in all calls."
    yield _counter("multiring_relay_kernel_strangers", dropped_there, "", m.kernel_strangers)
    drops = {"malformed": m.malformed, **dict(m.drops)}
    yield _counter("multiring_relay_dropped", "Other packets dropped, in calls that have ended.", "reason", drops)
    yield _counter("multiring_relay_refused", "Requests for ports that could not be met.", "", m.refused)
    yield _counter("multiring_relay_silent", "Calls without any media for the media timeout.", "", m.silent)


Values = Mapping[str, float] | float


def _counter(name: str, about: str, label: str, values: Values) -> Metric:
    """Its samples get the suffix _total."""
    family = CounterMetricFamily(name, about, labels=[label] if label else None)
    for labels, value in _samples(values):
        family.add_metric(labels, value)
    return family


def _gauge(name: str, about: str, label: str, values: Values) -> Metric:
    family = GaugeMetricFamily(name, about, labels=[label] if label else None)
    for labels, value in _samples(values):
        family.add_metric(labels, value)
    return family


def _samples(values: Values) -> list[tuple[list[str], float]]:
    if isinstance(values, Mapping):
        return [([key], float(value)) for key, value in values.items()]
    return [([], float(values))]


def _histogram(name: str, about: str, histogram: Histogram) -> Metric:
    family = HistogramMetricFamily(name, about)
    family.add_metric([], buckets=histogram.buckets(), sum_value=histogram.total)
    return family
