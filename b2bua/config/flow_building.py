"""From the settings of a call flow to its value. What cannot be read is reported with its key path."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from b2bua.calls import flow as values
from b2bua.calls.recipient import EarlyMedia, SixXX
from b2bua.config.addresses import phone_number, sip_address
from b2bua.config.findings import KeyPath
from b2bua.config.flow_settings import (
    BranchSettings,
    DialSettings,
    FlowRecipientSettings,
    FlowSettings,
    HangUpSettings,
    MenuSettings,
    PlaySettings,
    PromptSettings,
    ScheduleSettings,
    VoicemailSettings,
)

Report = Callable[[KeyPath, str, str], None]

WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
# The table of the file that each step stands in.
KINDS: Final[Mapping[type[values.Step], str]] = {
    values.Dial: "dial",
    values.Play: "play",
    values.Menu: "menu",
    values.Schedule: "schedule",
    values.Voicemail: "voicemail",
    values.HangUp: "hang_up",
}

_HOURS = re.compile(r"(\d{1,2}):(\d\d) *- *(\d{1,2}):(\d\d)")
_DAY = re.compile(r"(?:(\d{4})-)?(\d\d)-(\d\d)")
_EXTENSION = re.compile(r"[0-9A-D*#w]*")
_COUNTRY = re.compile(r"[a-z]{2}")
_LEAP_YEAR: Final = 2000  # in which every day of any year is


class _FlowBuilder:
    def __init__(self, path: KeyPath, error: Report) -> None:
        self.path = path
        self.error = error

    def steps(self, settings: FlowSettings) -> dict[str, values.Step]:
        found: dict[str, values.Step] = {}
        kinds: dict[str, str] = {}
        for kind, table in _tables(settings):
            for name, step in table.items():
                path = (*self.path, kind, name)
                if name in found:
                    problem = f"a {kinds[name].replace('_', ' ')} step has that name too."
                    self.error(path, problem, "Give one of them another name.")
                found[name] = self.step(path, step)
                kinds[name] = kind
        return found

    def step(self, path: KeyPath, step: object) -> values.Step:
        if isinstance(step, DialSettings):
            return self.dial(path, step)
        if isinstance(step, MenuSettings):
            exits = {**step.choices, values.NO_CHOICE: step.no_choice}
            prompt = self.needed_prompt((*path, "prompt"), step.prompt)
            return values.Menu(prompt, step.timeout, step.tries, _written(exits))
        if isinstance(step, ScheduleSettings):
            return self.schedule(path, step)
        if isinstance(step, VoicemailSettings):
            greeting = self.prompt((*path, "greeting"), step.greeting)
            exits = _written({values.RECORDED: step.recorded})
            return values.Voicemail(step.mailbox, greeting, step.longest, step.silence_end, exits)
        if isinstance(step, PlaySettings):
            prompt = self.needed_prompt((*path, "prompt"), step.prompt)
            return values.Play(prompt, _written({values.PLAYED: step.played}))
        assert isinstance(step, HangUpSettings)
        return values.HangUp(step.status)

    def dial(self, path: KeyPath, dial: DialSettings) -> values.Dial:
        exits = {
            values.ANSWERED: dial.answered,
            values.NOBODY_ANSWERED: dial.nobody_answered,
            values.ALL_BUSY_OR_DECLINED: dial.all_busy_or_declined,
        }
        return values.Dial(
            recipients=tuple(
                self.recipient((*path, "recipients", index), recipient)
                for index, recipient in enumerate(dial.recipients)
            ),
            mode=values.Mode(dial.mode),
            sticky=dial.sticky,
            ring_time=dial.ring_time,
            caller_hears=self.prompt((*path, "caller_hears"), dial.caller_hears),
            early_media=EarlyMedia(dial.early_media),
            whisper=self.prompt((*path, "whisper"), dial.whisper),
            press_one=dial.press_one,
            confirm_prompt=self.prompt((*path, "confirm_prompt"), dial.confirm_prompt),
            too_late=self.prompt((*path, "too_late"), dial.too_late),
            confirm_time=dial.confirm_time,
            caller_id=self.caller_id((*path, "caller_id"), dial.caller_id),
            display_prefix=dial.display_prefix,
            decline=values.Decline(dial.decline),
            decline_codes=tuple(dial.decline_codes),
            redirect=values.Redirect(dial.redirect),
            answered_elsewhere=values.Elsewhere(dial.answered_elsewhere),
            six_xx=SixXX(dial.six_xx),
            timeout_status=dial.timeout_status,
            exits=_written(exits),
        )

    def recipient(self, path: KeyPath, recipient: FlowRecipientSettings) -> values.DialRecipient:
        if not _EXTENSION.fullmatch(recipient.extension):
            problem = f'"{recipient.extension}" cannot be dialled.'
            self.error((*path, "extension"), problem, 'Write digits, *, #, A to D, and w to wait: "ww214".')
        return values.DialRecipient(
            name=recipient.name,
            destination=self.destination((*path, "destination"), recipient),
            type=values.RecipientType(recipient.type),
            trunk=recipient.trunk,
            extension=recipient.extension,
            start_after=recipient.start_after,
            stop_after=recipient.stop_after,
            unreachable_after=recipient.unreachable_after,
            press_one=recipient.press_one,
            voicemail_after=recipient.voicemail_after,
            weight=recipient.weight,
            is_on=recipient.enabled,
            interface=recipient.interface,
            nat=recipient.nat,
        )

    def destination(self, path: KeyPath, recipient: FlowRecipientSettings) -> str:
        text = recipient.destination
        try:
            if recipient.type == "phone":
                return phone_number(text)
            sip_address(text)
        except ValueError as problem:
            phone = recipient.type == "phone"
            remedy = "+15550102" if phone else "sip:ana@192.0.2.7:5060"
            self.error(path, str(problem), f'Write it like "{remedy}"{"" if phone else _OR_PHONE}.')
        return text

    def caller_id(self, path: KeyPath, text: str) -> str:
        if text in ("", values.CALLER, values.TRACKING):
            return text
        try:
            return phone_number(text)
        except ValueError:
            self.error(path, f'"{text}" cannot be shown.', 'Write "caller", "tracking" or a number.')
            return ""

    def prompt(self, path: KeyPath, prompt: PromptSettings | None) -> values.Prompt | None:
        return None if prompt is None else self.needed_prompt(path, prompt)

    def needed_prompt(self, path: KeyPath, prompt: PromptSettings) -> values.Prompt:
        contents = {kind: getattr(prompt, kind.value) for kind in values.PromptKind}
        given = [(kind, text) for kind, text in contents.items() if text]
        if len(given) != 1:
            problem = "has more than one thing to hear." if given else "has nothing to hear."
            self.error(path, problem, 'Write one of say = "a text", play = "a file" and tone = "us".')
            return values.Prompt(values.PromptKind.SAY, "")
        kind, text = given[0]
        if kind is values.PromptKind.TONE and not _COUNTRY.fullmatch(text):
            remedy = 'Write two small letters: "us", "de".'
            self.error((*path, "tone"), f'"{text}" is not a country.', remedy)
        if prompt.voice and kind is not values.PromptKind.SAY:
            self.error((*path, "voice"), "belongs to say.", "Remove it.")
        return values.Prompt(kind, text, prompt.voice)

    def schedule(self, path: KeyPath, schedule: ScheduleSettings) -> values.Schedule:
        self.time_zone((*path, "time_zone"), schedule.time_zone)
        exits = {values.HOLIDAY: schedule.holiday, values.OTHERWISE: schedule.otherwise}
        for index, branch in enumerate(schedule.branches):
            if branch.name in exits:
                problem = f'"{branch.name}" is the name of another exit of this step.'
                self.error((*path, "branches", index, "name"), problem, "Give it another one.")
            exits[branch.name] = branch.then
        return values.Schedule(
            time_zone=schedule.time_zone,
            branches=tuple(
                self.branch((*path, "branches", index), branch)
                for index, branch in enumerate(schedule.branches)
            ),
            holidays=tuple(
                self.holiday((*path, "holidays", day), day, name) for day, name in schedule.holidays.items()
            ),
            exits=_written(exits),
        )

    def time_zone(self, path: KeyPath, name: str) -> None:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            remedy = 'Write its name in the IANA database: "Europe/Berlin", "America/New_York".'
            self.error(path, f'this machine knows no time zone "{name}".', remedy)

    def branch(self, path: KeyPath, branch: BranchSettings) -> values.Branch:
        openings: set[values.Opening] = set()
        for days, hours in branch.hours.items():
            weekdays = _weekdays(days)
            if not weekdays:
                self.error((*path, "hours", days), "is no day of the week.", "Write mon, tue, … or mon-fri.")
            for index, text in enumerate(hours):
                for weekday in weekdays:
                    openings |= self.opening((*path, "hours", days, index), weekday, text)
        return values.Branch(branch.name, tuple(sorted(openings)))

    def opening(self, path: KeyPath, weekday: int, text: str) -> set[values.Opening]:
        found = _HOURS.fullmatch(text)
        opens, closes = (_minutes(found[1], found[2]), _minutes(found[3], found[4])) if found else (-1, -1)
        if opens < 0 or closes < 0 or opens == values.MINUTES_OF_A_DAY:
            self.error(path, f'"{text}" are no hours.', 'Write them like "9:00-17:30".')
            return set()
        if opens < closes:
            return {values.Opening(weekday, opens, closes)}
        overnight = {values.Opening(weekday, opens, values.MINUTES_OF_A_DAY)}
        if closes:
            overnight.add(values.Opening((weekday + 1) % 7, 0, closes))
        return overnight

    def holiday(self, path: KeyPath, day: str, name: str) -> values.Holiday:
        found = _DAY.fullmatch(day)
        try:
            if found is None:
                raise ValueError
            year = int(found[1] or 0)
            date(year or _LEAP_YEAR, int(found[2]), int(found[3]))
        except ValueError:
            remedy = "Write month and day, 12-25, with the year in front where it is of one year only."
            self.error(path, "is no day.", remedy)
            return values.Holiday(1, 1)
        return values.Holiday(int(found[2]), int(found[3]), year, name)


_OR_PHONE: Final = ', or add type = "phone"'


def build(name: str, settings: FlowSettings, path: KeyPath, error: Report) -> values.Flow:
    """The flow that settings at a key path mean, of version 0."""
    return values.Flow(name, 0, settings.first, _FlowBuilder(path, error).steps(settings))


def key_path(flow: values.Flow, step: str, field: KeyPath) -> KeyPath:
    """Where a field of a step stands in a file."""
    if step not in flow.steps:
        return ("flows", flow.name, *field)
    return ("flows", flow.name, KINDS[type(flow.steps[step])], step, *field)


def _tables(settings: FlowSettings) -> list[tuple[str, Mapping[str, object]]]:
    return [(kind, getattr(settings, kind)) for kind in KINDS.values()]


def _written(exits: Mapping[str, str]) -> dict[str, str]:
    return {leaving: step for leaving, step in exits.items() if step}


def _weekdays(text: str) -> list[int]:
    first, is_range, last = text.lower().partition("-")
    if first not in WEEKDAYS or (is_range and last not in WEEKDAYS):
        return []
    start = WEEKDAYS.index(first)
    return [(start + more) % 7 for more in range((WEEKDAYS.index(last or first) - start) % 7 + 1)]


def _minutes(hour: str, minute: str) -> int:
    """Minutes since midnight; -1 for no time of a day."""
    found = int(hour) * 60 + int(minute)
    return found if int(minute) < 60 and found <= values.MINUTES_OF_A_DAY else -1
