"""The tables. A change here needs a migration in b2bua/migrations/versions and the new HEAD.

A call is known outside by its id, which is random, and here by its number, which grows: what belongs to
a call is kept in the order of numbers, so that writing touches the end of each table and little else.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)

HEAD: Final = "0010"  # the revision that these tables are

_naming = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
}
metadata = MetaData(naming_convention=_naming)

# SQLite numbers its rows with INTEGER only; a wider type would make a second index of it.
_Number = BigInteger().with_variant(Integer, "sqlite")

call = Table(
    "call",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("trunk", String, nullable=False),
    Column("source", String, nullable=False),
    Column("caller", String, nullable=False),
    Column("caller_name", String, nullable=False),
    Column("dialled", String, nullable=False),
    Column("number_name", String, nullable=False),
    Column("sip_call_id", String, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("outcome", String),
    Column("sentence", String, nullable=False),
    Column("answered_by", String),
    Column("answered_leg", Integer),
    Column("ringing_at", BigInteger),
    Column("answered_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("ended_by", String, nullable=False),
    Column("status", Integer),
    Column("reason", String, nullable=False),
    Column("configuration", String, nullable=False),
    Column("flow", String, nullable=False, server_default=""),
    Column("flow_version", Integer, nullable=False, server_default="0"),
    Column("steps", String, nullable=False, server_default=""),  # their names, with blanks between
    Column("mailbox", String, nullable=False, server_default=""),
    Column("voicemail", String, nullable=False, server_default=""),
    Column("voicemail_seconds", Float, nullable=False, server_default="0"),
    Index(None, "started_at"),
    Index(None, "caller", "started_at"),
    Index(None, "dialled", "started_at"),
    Index(None, "number_name", "started_at"),
    Index(None, "outcome", "started_at"),
    Index(None, "answered_by", "started_at"),
)

recipient = Table(
    "recipient",
    metadata,
    Column("call_number", _Number, primary_key=True, autoincrement=False),
    Column("leg", Integer, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("uri", String, nullable=False),
    Column("outcome", String),
    Column("sentence", String, nullable=False),
    Column("status", Integer),
    Column("reason", String, nullable=False),
    Column("sip_call_id", String, nullable=False),
    Column("invited_at", BigInteger),
    Column("ringing_at", BigInteger),
    Column("answered_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("late_by", BigInteger),
    sqlite_with_rowid=False,
)

stream = Table(
    "stream",
    metadata,
    Column("call_number", _Number, primary_key=True, autoincrement=False),
    Column("leg", Integer, primary_key=True, autoincrement=False),
    Column("medium", Integer, primary_key=True, autoincrement=False),
    Column("packets", BigInteger, nullable=False),
    Column("octets", BigInteger, nullable=False),
    Column("lost", BigInteger, nullable=False),
    Column("jitter", Float, nullable=False),
    Column("ssrc", BigInteger, nullable=False),
    Column("payload_type", Integer, nullable=False),
    Column("sent_packets", BigInteger, nullable=False),
    Column("strangers", BigInteger, nullable=False),
    Column("longest_gap", Float, nullable=False),
    Column("far", String, nullable=False),
    # From 0005 on; calls of before have these defaults.
    Column("ssrc_changes", BigInteger, nullable=False, server_default="0"),
    Column("malformed", BigInteger, nullable=False, server_default="0"),
    Column("rtcp_packets", BigInteger, nullable=False, server_default="0"),
    Column("owed", Float, nullable=False, server_default="0"),
    Column("silent", Float, nullable=False, server_default="0"),
    Column("drops", String, nullable=False, server_default=""),  # JSON, reason to packets; "" for none
    Column("codec", String, nullable=False, server_default=""),
    Column("heard_by", Integer),
    Column("round_trip", Float),
    Column("reported_lost", BigInteger),
    Column("reported_jitter", Float),
    Column("mos", Float),
    Column("is_one_way", Boolean),
    sqlite_with_rowid=False,
)

trace = Table(
    "trace",
    metadata,
    Column("call_number", _Number, primary_key=True, autoincrement=False),
    Column("body", LargeBinary, nullable=False),  # see rows.pack_trace
)

# Events that webhooks have yet to be told. See b2bua/webhooks/journal.py.
webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("webhook", String, nullable=False),
    Column("call_id", String, nullable=False),
    Column("key", String, nullable=False),
    Column("event", String, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Float),  # seconds since 1970; NULL waits for an earlier one of the same call
    Index(None, "webhook", "due_at"),
    Index(None, "webhook", "call_id", "number"),
)

# Call flows. Version 0 is the draft, the highest one is what is published. See b2bua/flows/versions.py.
flow_version = Table(
    "flow_version",
    metadata,
    Column("flow", String, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("body", String, nullable=False),  # TOML, see b2bua/flows/writing.py
    Column("note", String, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", String, nullable=False),
    Column("published_at", BigInteger),
    Column("published_by", String, nullable=False),
)

# Which flow the calls to a number go through. trunks is JSON, [] for all. See b2bua/flows/numbers.py.
number = Table(
    "number",
    metadata,
    Column("dialled", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("flow", String, nullable=False),
    Column("trunks", String, nullable=False),
    Column("is_on", Boolean, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", String, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("changed_by", String, nullable=False),
)

# Round robin: with whom the next call begins, and how many calls each has got. See b2bua/flows/rotation.py.
turn = Table(
    "turn",
    metadata,
    Column("flow", String, primary_key=True),
    Column("step", String, primary_key=True),
    Column("pointer", BigInteger, nullable=False),
)

turn_taken = Table(
    "turn_taken",
    metadata,
    Column("flow", String, primary_key=True),
    Column("step", String, primary_key=True),
    Column("recipient", String, primary_key=True),
    Column("calls", BigInteger, nullable=False),
)

# Who has taken a caller's last call of a step. See b2bua/flows/regulars.py.
turn_regular = Table(
    "turn_regular",
    metadata,
    Column("flow", String, primary_key=True),
    Column("step", String, primary_key=True),
    Column("caller", String, primary_key=True),  # digits
    Column("recipient", String, nullable=False),
    Column("answered_at", BigInteger, nullable=False),  # seconds since 1970, as is the next
    Column("kept_until", BigInteger, nullable=False),
)

# People of the console, see b2bua/console/people.py. Keys of sessions and tokens are kept as SHA-256 only.
console_user = Table(
    "console_user",
    metadata,
    Column("name", String, primary_key=True),
    Column("password", String, nullable=False),  # argon2id, in its own notation
    Column("role", String, nullable=False),
    Column("is_on", Boolean, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", String, nullable=False),
    Column("seen_at", BigInteger),
)

console_session = Table(
    "console_session",
    metadata,
    Column("key", String, primary_key=True),
    Column("user", String, nullable=False),
    Column("csrf", String, nullable=False),
    Column("address", String, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Index(None, "user"),
)

console_token = Table(
    "console_token",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("key", String, nullable=False, unique=True),
    Column("name", String, nullable=False),
    Column("role", String, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", String, nullable=False),
    Column("used_at", BigInteger),
    Column("ends_at", BigInteger),
)

# What of the console is set in the console; see b2bua/console/preferences.py. Values are JSON.
console_setting = Table(
    "console_setting",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)

# Who changed what; see b2bua/console/audit.py. before and after are JSON.
audit = Table(
    "audit",
    metadata,
    Column("number", _Number, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("who", String, nullable=False),
    Column("via", String, nullable=False),
    Column("address", String, nullable=False),
    Column("action", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("before", String, nullable=False),
    Column("after", String, nullable=False),
)

# What is counted of the calls that began in an hour, or in the 24 of a day (UTC); see b2bua/store/summing.py.
tally = Table(
    "tally",
    metadata,
    Column("hours", Integer, primary_key=True, autoincrement=False),
    Column("first", Integer, primary_key=True, autoincrement=False),  # hour since 1970
    Column("body", LargeBinary, nullable=False),  # see tally.Tally.pack
)

# How far the log is counted: one row, or none before anything is.
tally_mark = Table(
    "tally_mark",
    metadata,
    Column("form", Integer, primary_key=True, autoincrement=False),  # of the bodies
    Column("turn", BigInteger, nullable=False),
    Column("number", BigInteger, nullable=False),  # of the last call that was looked at
    Column("call_id", String, nullable=False),  # its id
    Column("running", String, nullable=False),  # JSON: numbers of those that had not ended then
    Column("floor", BigInteger, nullable=False),  # calls that began up to there have been deleted
)
