"""Every message of a world on one page: what a failing test prints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tests.world.network import Packet


def draw(packets: Iterable[Packet], names: Mapping[str, str], started: float, last: int = 250) -> str:
    """One line a message: seconds since the world began, from, to, what, and its fate if it was lost."""
    lines = [_line(packet, names, started) for packet in packets if packet.is_sip]
    cut = [f"… {len(lines) - last} earlier messages"] if len(lines) > last else []
    return "\n".join(cut + lines[-last:])


def _line(packet: Packet, names: Mapping[str, str], started: float) -> str:
    at = packet.sent_at - started
    way = f"{_name(packet.sender.host, names):>10} → {_name(packet.destination.host, names):<10}"
    fate = f"   ✗ {packet.fate}" if packet.fate else ""
    twice = "   ×2" if len(packet.arrivals) > 1 else ""
    tcp = " tcp" if packet.transport == "TCP" else ""
    try:
        what = packet.message.summary
    except (ValueError, IndexError):
        what = repr(packet.octets[:40])
    return f"{at:10.4f} {way}{tcp} {what}{fate}{twice}"


def _name(host: str, names: Mapping[str, str]) -> str:
    return names.get(host, host)
