"""The flows that every test service knows, and the trunk that refuses callers' numbers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

CHOOSY = (403, 433)  # by which statuses the trunk of that name refuses a caller's number


def flows_for(uris: Mapping[str, str], choosy: str, now: datetime) -> str:
    """Tables of flows and of the numbers that lead to them.

    uris: those whom they ring. choosy: host and port of the trunk. now: from which the schedules' hours follow.
    """
    shown = [
        flow("shown", dial("ring", by_trunk("Ana"), "end"), hang_up("end")),
        flow("shown-tracking", dial("ring", by_trunk("Ana"), "end", 'caller_id = "tracking"'), hang_up("end")),
    ]
    in_turns = 'mode = "turns"\nring_time = 20'
    everyone = "".join(sip(name, uri) for name, uri in uris.items())
    turns = [
        flow("turns", dial("ring", everyone, "end", in_turns), hang_up("end")),
        flow("sticky", dial("ring", everyone, "end", f"{in_turns}\nsticky = 1"), hang_up("end")),
    ]
    return "\n".join([_choosy(choosy), *shown, *turns, *_schedules(uris, now)])


def flow(name: str, *steps: str) -> str:
    """A flow, and the number of that name that leads to it; it begins with the step that comes first."""
    first = steps[0].split(".", 2)[2].split("]", 1)[0]
    tables = "".join(step.replace("[.", f"[flows.{name}.") for step in steps)
    return f'[numbers."{name}"]\nname = "Sales"\nflow = "{name}"\n[flows.{name}]\nfirst = "{first}"\n{tables}'


def dial(name: str, recipients: str, nobody_answered: str, settings: str = "") -> str:
    listed = recipients.replace("[[.", f"[[.dial.{name}.")
    return f'[.dial.{name}]\nnobody_answered = "{nobody_answered}"\n{settings}\n{listed}'


def sip(name: str, uri: str) -> str:
    return f'[[.recipients]]\nname = "{name}"\ndestination = "{uri}"\n'


def by_trunk(name: str) -> str:
    return f'[[.recipients]]\nname = "{name}"\ntype = "phone"\ndestination = "+15550102"\ntrunk = "choosy"\n'


def hang_up(name: str, status: int = 0) -> str:
    return f"[.hang_up.{name}]\nstatus = {status}\n"


def zone_where_it_is(hour: int, now: datetime) -> str:
    """A time zone whose clocks show that hour, so that no test sees the hour end or the day change."""
    east = (hour - now.astimezone(UTC).hour + 11) % 24 - 11  # hours; -11 to 12, all of which there are
    return f"Etc/GMT{-east:+d}" if east else "Etc/GMT"  # whose signs are the other way round


def _schedules(uris: Mapping[str, str], now: datetime) -> list[str]:
    """The same hours, 9 to 15 of every day: within them, at midnight, and on a day that is a holiday."""
    noon, midnight = zone_where_it_is(12, now), zone_where_it_is(0, now)
    today = (now.astimezone(UTC) + timedelta(hours=_east(noon))).strftime("%m-%d")
    team, duty = dial("team", sip("Ana", uris["Ana"]), "end"), dial("duty", sip("Ben", uris["Ben"]), "end")
    end = hang_up("end", 486)
    hours = 'mon-sun = ["9:00-15:00"]'
    holiday = f'holidays = {{ {today} = "Today" }}\nholiday = "duty"'
    return [
        flow("by-day", _schedule(noon, hours), team, end),
        flow("by-night", _schedule(midnight, hours), team, end),
        flow("on-holiday", _schedule(noon, hours, holiday), team, duty, end),
        flow("on-other-days", _schedule(noon, _other_days(now, noon)), team, end),
    ]


def _schedule(zone: str, hours: str, settings: str = "") -> str:
    return (
        f'[.schedule.hours]\ntime_zone = "{zone}"\notherwise = "end"\n{settings}\n'
        f'[[.schedule.hours.branches]]\nname = "open"\nhours = {{ {hours} }}\nthen = "team"\n'
    )


def _other_days(now: datetime, zone: str) -> str:
    weekday = (now.astimezone(UTC) + timedelta(hours=_east(zone))).weekday()
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    return f'{days[(weekday + 1) % 7]}-{days[(weekday - 1) % 7]} = ["0:00-24:00"]'


def _east(zone: str) -> int:
    """How many hours its clocks are before those of UTC."""
    return -int(zone.removeprefix("Etc/GMT") or 0)


def _choosy(host: str) -> str:
    statuses = ", ".join(map(str, CHOOSY))
    return (
        f'[trunks.choosy]\naddress = "sip:{host}"\nallowed_prefixes = ["+1"]\n'
        f"caller_id_refusals = [{statuses}]\nheaders = {{ asserted_identity = true }}\n"
    )
