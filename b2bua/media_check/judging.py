"""All findings, in the order in which a person wants to read them."""

from __future__ import annotations

from b2bua.media_check.findings import MediaFinding, note
from b2bua.media_check.forms import judge_forms
from b2bua.media_check.needs import Needs
from b2bua.media_check.room import judge_room
from b2bua.media_check.surroundings import judge_surroundings
from rtp_relay.facts import Facts


def judge(needs: Needs, facts: Facts) -> tuple[MediaFinding, ...]:
    """What the facts mean for a service with these needs."""
    found = [*judge_forms(needs, facts), *judge_room(needs, facts), *judge_surroundings(needs, facts)]
    found += [
        note("self-test", f"could not look at {what}.", "" if facts.is_root else "Run this check as root.")
        for what in facts.unseen
    ]
    return tuple(found)
