"""The declared tables: every field of a call, named once.

A call is a JSON object with nested objects and arrays. Each array becomes a table and each value a
typed column; Arrow schemas, the reader's SQL, dlt's hints, dbt's sources and staging
models and the data dictionary are all derived from these declarations. To add a field, add a
line here and run `make generate`.

The layout:

- `calls` has one row per call; nested objects are flattened with two underscores
  (`agent_info.name` → `agent_info__name`).
- each array is a table (`transfers`, `handle_durations`, …) whose rows have `call_id` and `idx`, the
  element's position in the array, counted from 0. `redaction_times` is nested in `recordings` and
  also has `recording_idx`.
- objects whose keys a tenant defines (`sip_headers`, `virtual_agent_params`, `custom_data_*`) stay
  JSON: two of their keys may differ only by case, which column names cannot.
- every table has `_extra`: undeclared keys with their values, as far as the privacy policy keeps them.

Types are the widest that the vendor's page, its example and a real payload agree on; where they
contradict each other (`hidden` is "string" and false, `transfers[].deflection` is 0 and
"no_deflection") the column is text. Ids of people are text, so that a pseudonym fits the column.
Durations are whole seconds unless said otherwise; instants are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Literal

SOURCE = "ccaip"
"""The name of the source, of its dlt schema and of the raw dataset."""

ColumnType = Literal["text", "bigint", "double", "bool", "timestamp", "json"]


class Privacy(StrEnum):
    """What a column can reveal about a person. A privacy policy maps these classes to actions.

    The vendor's page marks 19 fields as personal; payloads have more, classified here by their contents.
    """

    NONE = "none"
    IDENTIFIER = "identifier"
    NAME = "name"
    CONTACT = "contact"
    LINK = "link"
    FREE_TEXT = "free_text"
    NETWORK = "network"


NONE, IDENTIFIER, NAME, CONTACT, LINK, FREE_TEXT, NETWORK = Privacy


@dataclass(frozen=True)
class Column:
    """A column: its name in the warehouse, and the path of its value in the element's JSON.

    `path` has the keys from the element down to the value; empty means the whole element. `aliases`
    are other paths with the same meaning (the page's `from_menu` is the payload's
    `from_menu_path`); the first one present counts. `staging_name` is the name analysts see.

    `words` are the words known from documents and payloads, of a column with few; any other is counted as drift.
    Columns whose words are in a seed are listed in `enumerations`.
    """

    name: str
    type: ColumnType
    description: str
    path: tuple[str, ...]
    privacy: Privacy
    aliases: tuple[tuple[str, ...], ...] = ()
    staging_name: str = ""
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table. `array` is the key of the array it is made from; empty for `calls` itself.

    `record_key` is the key of a table that callmart writes about its own work.
    """

    name: str
    singular: str
    description: str
    columns: tuple[Column, ...]
    array: str = ""
    parent: str = ""
    record_key: tuple[str, ...] = ()

    @cached_property
    def key(self) -> tuple[str, ...]:
        """The columns that identify a row, in order."""
        if self.record_key:
            return self.record_key
        if not self.parent:
            return ("id",)
        if self.parent == "calls":
            return ("call_id", "idx")
        return ("call_id", f"{TABLES[self.parent].singular}_idx", "idx")

    @cached_property
    def key_columns(self) -> tuple[Column, ...]:
        """The key columns of a child, which callmart numbers itself; none for `calls`."""
        return tuple(_KEYS[name] for name in self.key) if self.parent else ()


# --- shorthand: one line a field ------------------------------------------------------------------

# Texts and JSON must have a privacy class. Flags, instants and numbers have none: ids of people are text.


def _column(
    type_: ColumnType,
    key: str,
    description: str,
    privacy: Privacy = NONE,
    *,
    name: str = "",
    staging: str = "",
    alias: str = "",
    words: tuple[str, ...] = (),
) -> Column:
    return Column(
        name=name or key,
        type=type_,
        description=description,
        path=(key,),
        privacy=privacy,
        aliases=((alias,),) if alias else (),
        staging_name=staging or _staging_name(name or key, type_),
        words=words,
    )


def _staging_name(name: str, type_: ColumnType) -> str:
    """The analysts' name: units on durations, `is_` on flags."""
    stem = name.split("__")[-1]
    if type_ in ("bigint", "double") and (stem == "duration" or stem.endswith("_duration")):
        return name.removesuffix("duration") + "seconds"
    if type_ == "bool" and not stem.startswith(("is_", "has_")):
        return name.removesuffix(stem) + "is_" + stem
    return name


def _text(
    key: str, description: str, privacy: Privacy, *, name: str = "", staging: str = "", alias: str = ""
) -> Column:
    return _column("text", key, description, privacy, name=name, staging=staging, alias=alias)


def _words(key: str, description: str, *words: str) -> Column:
    """A text of which these words are known."""
    return _column("text", key, description, words=words)


def _int(key: str, description: str, *, name: str = "", staging: str = "") -> Column:
    return _column("bigint", key, description, name=name, staging=staging)


def _float(key: str, description: str) -> Column:
    return _column("double", key, description)


def _bool(key: str, description: str, *, staging: str = "") -> Column:
    return _column("bool", key, description, staging=staging)


def _at(key: str, description: str, *, name: str = "") -> Column:
    return _column("timestamp", key, description, name=name)


def _json(key: str, description: str, privacy: Privacy) -> Column:
    return _column("json", key, description, privacy)


def _element(description: str) -> Column:
    """The whole array element as JSON, for arrays whose elements are not documented."""
    return Column("element", "json", description, (), FREE_TEXT, staging_name="element")


def _inside(key: str, *columns: Column, alias: str = "") -> tuple[Column, ...]:
    """The same columns, nested in an object: `agent_info` + `name` → `agent_info__name`."""
    return tuple(
        Column(
            name=f"{key}__{column.name}",
            type=column.type,
            description=column.description,
            path=(key, *column.path),
            aliases=((alias, *column.path),) if alias else (),
            privacy=column.privacy,
            staging_name=f"{key}__{column.staging_name}",
            words=column.words,
        )
        for column in columns
    )


def _agent(key: str, who: str) -> tuple[Column, ...]:
    return _inside(
        key,
        _int("id", f"Id of {who}."),
        _text("name", f"Full name of {who}.", NAME),
        _text("last_name", f"Last name of {who}.", NAME),
        _text("first_name", f"First name of {who}.", NAME),
        _text(
            "agent_number", f"The number the operator gave {who}; text, integer or null in the wild.", NONE
        ),
        _text("email", f"Mail address of {who}; in payloads, not on the page.", CONTACT),
        _text("avatar_url", f"Picture of {who}.", LINK),
    )


def _menu(key: str, what: str, alias: str = "") -> tuple[Column, ...]:
    return _inside(
        key,
        _int("items_count", f"How many menus deep {what} is."),
        _text("name", f"Names along {what}, joined with slashes.", NONE),
        _text(
            "materialized_path", f"Ids (the page's example: names) along {what}, joined with slashes.", NONE
        ),
        alias=alias,
    )


def _virtual_agent(key: str, who: str) -> tuple[Column, ...]:
    return _inside(
        key,
        _int("id", f"Id of {who}."),
        _text("name", f"Name of {who}.", NONE),
        _text("va_alias", f"Alias of {who}; in payloads, not on the page.", NONE),
        _text("avatar_url", f"Picture of {who}; in payloads, not on the page.", NONE),
    )


def _span() -> tuple[Column, ...]:
    return (_at("started_at", "When it started."), _at("ended_at", "When it ended."))


def _where() -> tuple[Column, ...]:
    return (
        _int("menu_path_id", "The queue (a leaf of the menu tree) it belongs to; not `selected_menu.id`."),
        _text("menu_path", "Names along the queue's menu path, joined with slashes.", NONE),
        _text("lang", "Language of the queue.", NONE),
    )


def _messages() -> tuple[Column, ...]:
    return (
        _int("chat_duration", "Seconds of the chat, where the session was one."),
        _int("message_count", "Messages written."),
        _int("response_count", "Answers given."),
        _float("response_time_total", "Time until answers came, summed; the unit is not documented."),
        _float("response_time_max", "The longest time until an answer came."),
        _float("response_time_avg", "The average time until an answer came."),
    )


def _transfer_leg() -> tuple[Column, ...]:
    return (
        _bool("transfer", "Whether this is a leg after a transfer; false, 0 and 1 in the wild."),
        _int("transfer_id", "The transfer that led here: `transfers.id`."),
        _bool("transfer_cold", "Cold (true) or warm (false) transfer; null when not told."),
    )


_ADAPTER = (
    _int("adapter_fail_code", "The telephony adapter's fail code, of the documented list or newer."),
    _text("adapter_fail_message", "The adapter's words for the fail code.", FREE_TEXT),
)

_HOW_SOMEBODY_LEFT = ("finished", "abandoned")

_ESCALATION_REASONS = ("by_end_user_message", "by_virtual_agent", "by_consumer_dtmf", "unknown")

_KEYS = {
    "call_id": Column("call_id", "bigint", "The call: `calls.id`.", (), NONE, staging_name="call_id"),
    "idx": Column("idx", "bigint", "Place in the array, from 0.", (), NONE, staging_name="idx"),
    "recording_idx": Column(
        "recording_idx", "bigint", "The recording: `recordings.idx`.", (), NONE, staging_name="recording_idx"
    ),
}

# --- the tables -----------------------------------------------------------------------------------

_CALLS = Table(
    "calls",
    "call",
    "One row per call, in its newest version.",
    (
        _int("id", "The call's id.", staging="call_id"),
        _int(
            "parent_id",
            "The call this one calls back: a failed, scheduled or voicemail call.",
            staging="parent_call_id",
        ),
        _text("call_uuid", "A second id of the call; in payloads, not on the page.", NONE),
        _text("lang", "Language the caller chose.", NONE),
        _text("call_type", "Label of the call's type, `Voice Inbound (IVR)` and so on; open list.", NONE),
        _text("session_type", "As `call_type`; in payloads, not on the page.", NONE),
        _text("session_type_v2", "As `call_type`; answered by `/calls`, not on the page.", NONE),
        _text("status", "The call's status; sixteen documented values, open list.", NONE),
        _text(
            "sub_status", "The status in words, and who hung up; also `subStatus`.", NONE, alias="subStatus"
        ),
        _at("created_at", "When the call came into being."),
        _at("queued_at", "When it entered its first queue."),
        _at("assigned_at", "When an agent was first assigned."),
        _at(
            "connected_at",
            "When it first connected, to a virtual agent or a person; can precede `queued_at`.",
        ),
        _at("ends_at", "When it ended."),
        _at("scheduled_at", "For when the caller asked to be called."),
        _at("updated_at", "When the record last changed; the cursor of the load."),
        _int("wait_duration", "Deprecated name of `queue_duration`."),
        _int("queue_duration", "Seconds in queue, summed over all queue entries: not the speed of answer."),
        _int("call_duration", "Seconds connected; neither the sum of legs nor the elapsed time."),
        _int("hold_duration", "Seconds on hold."),
        _float(
            "in_queue_wait_time_va",
            "Wait in queue for the virtual agent; in payloads, not on the page, the unit is not documented.",
        ),
        _int("rating", "The caller's rating, 1 to 5."),
        _bool("has_feedback", "Whether the caller left words."),
        _words(
            "voip_provider",
            "The telephony provider.",
            *("voip_provider_twilio", "voip_provider_tokbox", "voip_provider_nexmo", "deprecated"),
        ),
        _text("out_ticket_id", "Id of the case in the operator's CRM.", IDENTIFIER),
        _text("out_ticket_url", "Address of the case in the operator's CRM.", LINK),
        _bool("is_out_ticket_account", "Whether the CRM record is an account; in payloads, not on the page."),
        _bool("verified", "Whether the caller was verified."),
        _text("recording_url", "Address of the recording.", LINK),
        _words("recording_permission", "Whether the caller agreed to be recorded.", "not_asked"),
        _words(
            "voicemail_reason",
            "Why the caller reached voicemail.",
            *("not_voicemail", "after_hours", "over_capacity"),
        ),
        _text("deflection", "Where the call was deflected to, `no_deflection` when it was not.", NONE),
        _text(
            "automation_redirection",
            "Where automation redirected the call; in payloads, not on the page, values not documented.",
            NONE,
        ),
        _words(
            "disconnected_by",
            "Who hung up.",
            *("disconnected_by_unknown", "disconnected_by_end_user", "disconnected_by_agent"),
        ),
        _words("finish_reason", "Why the call finished.", "no_reason"),
        _text("fail_details", "More on the failure, in words.", FREE_TEXT),
        _text("fail_reason", "Why the call failed, `nothing` when it did not; open list.", NONE),
        *_ADAPTER,
        _text("support_number", "The operator's number the caller dialled.", NONE),
        *_inside(
            "selected_menu",
            _int("id", "Id of the menu item the caller chose; not `menu_path_id`."),
            _text("name", "Name of the menu item.", NONE),
            _int("parent_id", "Menu item above it."),
            _int("position", "Place among its siblings."),
            _bool("deleted", "Whether the item has been deleted since."),
            _text("hidden", "Whether it is hidden; text on the page, a flag in the example.", NONE),
            _words("menu_type", "Kind of menu, `ivr_menu` and so on.", "ivr_menu"),
            _text("output_msg", "What the menu says.", NONE),
        ),
        *_menu("menu_path", "the queue the caller chose"),
        _int("queue_priority_level", "Priority in the queue."),
        *_agent(
            "agent_info", "the agent; missing if nobody, or a virtual agent and a person, handled the call"
        ),
        *_inside(
            "end_user",
            _text("id", "Id of the caller.", IDENTIFIER),
            _text("identifier", "The operator's own id of the caller.", IDENTIFIER),
            _text("out_contact_id", "Id of the caller in the operator's CRM.", IDENTIFIER),
        ),
        *_virtual_agent("virtual_agent", "the virtual agent"),
        _json("virtual_agent_params", "What the virtual agent was told: tenant-defined keys.", NETWORK),
        _words("offer_type", "How the call was offered to agents: `cascade` and so on.", "cascade"),
        _words("answer_type", "`manual` or automatic.", "manual"),
        _text("outbound_number", "The number dialled out to.", CONTACT),
        _text("email", "A mail address; in payloads, not on the page.", CONTACT),
        _text("feedback", "The caller's words; in payloads, not on the page.", FREE_TEXT),
        _text("smart_action_text", "Text the caller sent; in payloads, not on the page.", FREE_TEXT),
        _json("custom_data_secured", "Signed data of the tenant.", FREE_TEXT),
        _json("custom_data_not_secured", "Unsigned data of the tenant.", FREE_TEXT),
        _json("sip_headers", "SIP headers: tenant-defined keys.", NETWORK),
    ),
)


def _child(array: str, singular: str, description: str, *columns: Column, parent: str = "calls") -> Table:
    return Table(array, singular, description, columns, array, parent)


_CHILDREN = (
    _child(
        "transfers", "transfer", "One row per attempt to transfer a call.",
        _int("id", "The transfer's id.", staging="transfer_id"),
        _text("status", "Where the transfer stands: `transferring`, `transferred`, `failed`, …", NONE),
        _text("transfer_status", "As `status`; in payloads, not on the page.", NONE),
        _text("fail_reason", "Why it failed, `nothing` when it did not.", NONE),
        _at("created_at", "When the agent started it."),
        _at("started_at", "When it started; in payloads, not on the page."),
        _at("assigned_at", "When the next agent was assigned."),
        _at("connected_at", "When the next agent was connected."),
        _at("updated_at", "When the transfer last changed."),
        _int("call_duration", "Seconds of the leg after it."),
        _int("wait_duration", "Seconds of waiting for the next agent."),
        _text("deflection", "Deflection while transferring; 0 on the page, `no_deflection` in payloads.", NONE),
        _words("answer_type_path", "Answer types before and after.", "manual_to_manual"),
        *_menu("from_menu_path", "the queue it left", alias="from_menu"),
        *_menu("to_menu_path", "the queue it went to", alias="to_menu"),
        *_agent("from_agent", "the agent who transferred"),
        *_agent("to_agent", "the agent who received"),
        *_virtual_agent("from_virtual_agent", "the virtual agent who transferred"),
        *_virtual_agent("to_virtual_agent", "the virtual agent who received"),
        _int("from_queue_priority_level", "Priority before."),
        _int("to_queue_priority_level", "Priority after."),
    ),
    _child(
        "participants", "participant", "One row per party of a call: caller, agents, virtual agents.",
        _int("id", "The participant's id.", staging="participant_id"),
        _words("type", "What the party is.", "end_user", "agent", "virtual_agent", "task_virtual_agent"),
        _words("entry_type", "How the party came in; in payloads, not on the page.", "queue_or_transfer"),
        _words("status", "Where the party stands.", "waiting", "connected", "finished", "failed"),
        _int("call_id", "The call id the element itself names; can differ from the call's.", name="source_call_id"),
        _text("user_id", "Id of the agent; the page marks it as personal.", IDENTIFIER),
        _text("end_user_id", "Id of the caller.", IDENTIFIER),
        _int("virtual_agent_id", "Id of the virtual agent."),
        _json("virtual_agent_params", "What the virtual agent was told: tenant-defined keys.", NETWORK),
        *_inside("virtual_agent", _text("conversation_id", "Id of the virtual agent's conversation.", NONE)),
        _json("agent_assist", "Agent-assist session; null in the payload seen.", FREE_TEXT),
        _text("phone_number", "Number of the party.", CONTACT),
        _text("email", "Mail address of the party.", CONTACT),
        _text("first_name", "First name of the party.", NAME),
        _text("middle_name", "Middle name of the party.", NAME),
        _text("last_name", "Last name of the party.", NAME),
        _json("teams", "Teams of the agent.", FREE_TEXT),
        _int("location_id", "The agent's location."),
        *_inside(
            "location",
            _int("id", "Id of the agent's location."),
            _text("lang", "Language of the location.", NONE),
            _text("location", "Locale of the location.", NONE),
            _json("pop_settings", "Telephony points of presence, by provider.", FREE_TEXT),
            _at("created_at", "When the location was made."),
            _at("updated_at", "When the location last changed."),
        ),
        _json("sip_headers", "SIP headers: tenant-defined keys.", NETWORK),
        _int("call_duration", "Seconds connected."),
        _int("hold_duration", "Seconds on hold."),
        _int("chat_duration", "Seconds of the chat, where the session was one; in payloads, not on the page."),
        _at("connected_at", "When the party was connected."),
        _at("ended_at", "When the party left."),
        _at("finished_at", "When the party was done; in payloads, not on the page."),
        _text("fail_reason", "Why the party failed, `nothing` when it did not.", NONE),
        *_ADAPTER,
    ),
    _child(
        "handle_durations", "handle_duration",
        "Work of agents: talk and wrap-up of one leg are usually separate rows.",
        _int("id", "Id of the row; missing on the page's model.", staging="handle_duration_id"),
        _int("agent_id", "The agent."),
        _int("acw_duration", "Seconds of wrap-up (after-call work)."),
        _int("bcw_duration", "Seconds of before-call work."),
        _int("call_duration", "Seconds connected, hold included: talk = call − hold."),
        _int("hold_duration", "Seconds the caller was on hold."),
        _int("wait_duration", "Seconds of waiting; on the page's model alone."),
        _int("assigned_connection_duration", "Seconds of ringing, from assignment to connection.",
             staging="ring_seconds"),
        *_where(),
        _bool("barged", "A supervisor listening in; false, 0 and 1 in the wild."),
        *_transfer_leg(),
        *_span(),
        _at("scheduled_at", "For when the work was scheduled."),
        _words("event", "How the work ended; on the page's model alone.", "call_finished"),
    ),
    _child(
        "queue_durations", "queue_duration", "One row per entry of a call into a queue.",
        _int("id", "Id of the row; missing on the page's model.", staging="queue_duration_id"),
        _int("agent_id", "The agent who answered; null if nobody did."),
        _int("queue_duration", "Seconds of waiting in this queue."),
        *_where(),
        *_transfer_leg(),
        *_span(),
        _int("service_level_abandon_time_threshold",
             "Hanging up within so many seconds is a short abandon: the queue's setting at that moment.",
             staging="service_level_abandon_threshold_seconds"),
        _text("service_level_event", "The vendor's verdict: `in_sla`, `not_in_sla`, `excluded`.", NONE),
        _int("service_level_target_percent", "Percent to be answered in target: the queue's setting at that moment."),
        _int("service_level_target_time", "Seconds to answer within: the queue's setting at that moment.",
             staging="service_level_target_seconds"),
        _text("event", "How the wait ended; on the page's model alone, so outcomes never rest on it.", NONE),
    ),
    _child(
        "recordings", "recording", "One row per recording.",
        _int("id", "The recording's id.", staging="recording_id"),
        _int("call_id", "The call id the element itself names.", name="source_call_id"),
        _text("conference_sid", "The telephony provider's id.", NONE),
        _float("duration", "Seconds recorded."),
        _words("recording_type", "Kind of recording.", "default", "voicemail"),
        *_span(),
    ),
    _child(
        "redaction_times", "redaction_time", "One row per stretch of a recording that was silenced.",
        _at("start", "When the silence starts.", name="start_at"),
        _at("end", "When the silence ends.", name="end_at"),
        _float("duration", "Seconds silenced, with fractions."),
        _int("start_agent_id", "Who started it."),
        _int("end_agent_id", "Who ended it."),
        parent="recordings",
    ),
    _child(
        "photos", "photo", "Photos the caller sent.",
        _text("id", "The photo's id; the page marks it as personal.", LINK, staging="photo_id"),
        _text("photo_type", "Kind of photo; the page marks it as personal.", LINK),
        _text("url", "Address of the photo.", LINK),
    ),
    _child(
        "videos", "video", "Videos the caller sent.",
        _text("id", "The video's id; the page marks it as personal.", LINK, staging="video_id"),
        _text("url", "Address of the video.", LINK),
    ),
    _child(
        "offer_events", "offer_event", "Each time the call was offered to a group of agents.",
        _at("casting_time", "When it was offered."),
        _text("group", "The group of agents.", NONE, name="group_name"),
    ),
    _child("wait_time_sms", "wait_time_sms", "Texts sent while waiting; elements undocumented.",
           _element("The element, unchanged.")),
    _child("in_call_sms", "in_call_sms", "Texts sent during the call; elements undocumented.",
           _element("The element, unchanged.")),
    _child(
        "dispositions", "disposition", "Codes that agents gave the call.",
        _int("user_id", "The agent who gave the code.", staging="agent_id"),
        _int("transfer_id", "The leg: `transfers.id`, null for the first."),
        _int("participant_id", "The party: `participants.id`."),
        _text("code", "The code.", NONE),
        _text("note", "The agent's words.", FREE_TEXT),
        _text("list", "The list the code is from.", NONE, name="list_name"),
        _text("list_path", "Names along the list's path.", NONE),
        _int("ujet_code_id", "Id of the code."),
        _int("ujet_list_id", "Id of the list."),
        _text("custom_code_id", "The operator's id of the code.", NONE),
        _text("custom_list_id", "The operator's id of the list.", NONE),
    ),
    _child(
        "consumer_handle_durations", "consumer_handle_duration", "Time of the caller in the call, IVR to end.",
        _int("id", "Id of the row.", staging="consumer_handle_duration_id"),
        _int("call_duration", "Seconds from first to last."),
        _int("hold_duration", "Seconds on hold."),
        *_messages(),
        *_span(),
    ),
    _child(
        "consumer_in_menu_durations", "consumer_in_menu_duration", "Time of the caller in the menus.",
        _int("id", "Id of the row.", staging="consumer_in_menu_duration_id"),
        _words("event", "How it ended.", *_HOW_SOMEBODY_LEFT),
        _int("duration", "Seconds in the menus."),
        *_where(), *_span(),
    ),
    _child(
        "consumer_event_durations", "consumer_event_duration", "Payments, surveys and the like.",
        _int("id", "Id of the row.", staging="consumer_event_duration_id"),
        _words("type", "What it was.", "payment", "csat"),
        _words("event", "How it ended.", *_HOW_SOMEBODY_LEFT),
        _int("duration", "Seconds it took."),
        *_where(), *_span(),
    ),
    _child(
        "virtual_agent_deflected_escalations", "virtual_agent_deflected_escalation",
        "Escalations of a virtual agent that were deflected.",
        _int("id", "Id of the row.", staging="virtual_agent_deflected_escalation_id"),
        _text("deflection", "Where to, or why: `after_hours`, …", NONE),
        _int("escalation_id", "The escalation: `escalations.id`."),
        _words("escalation_reason", "Why the virtual agent escalated.", *_ESCALATION_REASONS),
        _at("escalated_at", "When it escalated."),
        *_where(),
        *_virtual_agent("virtual_agent", "the virtual agent"),
    ),
    _child(
        "virtual_agent_handle_durations", "virtual_agent_handle_duration", "One row per virtual-agent session.",
        _int("id", "Id of the row.", staging="virtual_agent_handle_duration_id"),
        *_virtual_agent("virtual_agent", "the virtual agent"),
        _int("call_duration", "Seconds of the session."),
        _words("escalation_reason", "Why it escalated.", *_ESCALATION_REASONS),
        _words(
            "finish_reason", "Why it ended; in payloads, not on the page.",
            "escalated", "resolved", "consumer_ended", "unexpectedly_ended",
        ),
        _float("sentiment", "The caller's mood, 0 to 100."),
        *_messages(),
        _int("fallback_response_count", "Answers given for want of a better one."),
        _words("initiated_by", "Who started the session.", "end_user", "agent"),
        *_where(),
        _bool("transfer", "Whether this is a leg after a transfer."),
        _int("transfer_id", "The transfer that led here: `transfers.id`."),
        *_span(),
    ),
    _child(
        "escalations", "escalation", "One row per move from a virtual agent to a person, since 2026-03-24.",
        _int("id", "The escalation's id.", staging="escalation_id"),
        _words("status", "Where it stands.", "escalating", "escalated", "deflected", "failed"),
        _words("reason", "Why it escalated.", *_ESCALATION_REASONS),
        _at("created_at", "When it was asked for."),
        _at("escalated_at", "When the person took over."),
        *_virtual_agent("from_virtual_agent", "the virtual agent who escalated"),
        *_agent("to_agent", "the agent who took over"),
        *_menu("from_menu_path", "the queue it left", alias="from_menu"),
        *_menu("to_menu_path", "the queue it went to", alias="to_menu"),
    ),
    _child(
        "deflection_details", "deflection_detail", "One row per deflection; in payloads, not on the page.",
        _int("id", "Id of the row.", staging="deflection_detail_id"),
        _int("call_id", "The call id the element itself names.", name="source_call_id"),
        _int("transfer_id", "The transfer that was deflected: `transfers.id`."),
        _text("deflection", "Where to, or why: `after_hours`, …", NONE),
        *_menu("from_menu_path", "the queue it left", alias="from_menu"),
    ),
)  # fmt: skip

TABLES: dict[str, Table] = {table.name: table for table in (_CALLS, *_CHILDREN)}
"""All tables made from calls, parents before children."""

CHILDREN: tuple[Table, ...] = tuple(table for table in TABLES.values() if table.parent)

EXTRA = Column("_extra", "json", "Undeclared keys with their values, by dotted path.", (),
               FREE_TEXT, staging_name="_extra")  # fmt: skip

# --- records: what callmart writes about its own work --------------------------------------------

REJECTED_CALLS = Table(
    "rejected_calls",
    "rejected_call",
    "Calls that could not be parsed, with the reason, until a version that can be parsed is loaded.",
    (
        _text("call_key", "The call's id, or a fingerprint of the body when even that is unreadable.", NONE),
        _text("reason", "What is wrong, and the position.", NONE),
        _text(
            "body", "The call, as far as the privacy policy keeps it; empty when it is no JSON.", FREE_TEXT
        ),
        _bool("whole", "Whether the body is the whole call: nothing was hashed, masked or withheld."),
        _at("window_from", "Start of the window that fetched it, inclusive."),
        _at("window_until", "End of the window that fetched it, inclusive."),
        _int("attempt", "How often the call has been rejected by now, counted from 1."),
        _at("rejected_at", "When it was rejected."),
    ),
    record_key=("call_key",),
)

LOAD_WINDOWS = Table(
    "load_windows",
    "load_window",
    "The ledger: one row per attempt to load a window of time, with counts and verdict.",
    (
        _text("window_id", "The window; the same in every attempt at it.", NONE),
        _int("attempt", "Which attempt at the window, counted from 1."),
        _text("why", "`tail`, `overlap`, `future`, `backfill` or `heal`.", NONE),
        _at("window_from", "Start, inclusive, of `updated_at`."),
        _at("window_until", "End, inclusive, of `updated_at`."),
        _int("counted_before", "Calls in the window by the API's `Total`, before it was read."),
        _int("counted_after", "The same after it was read. Calls that changed in between are no longer in it."),
        _int("fetched", "Versions of calls that were fetched, including duplicates."),
        _int("distinct_calls", "Calls among them: `landed` + `rejected` + `superseded`."),
        _int("rejected", "Calls that could not be parsed: in `rejected_calls`."),
        _int("superseded", "Calls of which another window or the warehouse has the newer version."),
        _int("landed", "Calls found in the warehouse: loaded by this load, or unchanged since an earlier one."),
        _int("new_versions", "Of the landed, those the warehouse did not have in this version; in an overlap: seen late."),
        _at("oldest_new_at", "Oldest `updated_at` among the new versions; in an overlap: how far behind the cursor one was seen late."),
        _at("newest_change_at", "The latest `updated_at` seen in the window."),
        _int("requests", "Requests sent, retries included."),
        _int("retries", "Requests that had to be sent again."),
        _int("throttled", "Answers 429."),
        _int("bytes", "Bytes of the answers' bodies."),
        _at("started_at", "When fetching began."),
        _at("finished_at", "When fetching ended."),
        _text("load_id", "The load that landed it; empty when none did.", NONE),
        _text(
            "verdict",
            "`complete`; `short` (fewer came than the API counts), `planned` (not started, or interrupted), "
            "`unverified` (loaded, not checked yet), `mismatch` (the warehouse differs from what was sent), `failed` "
            "(could not be loaded): all but the first are requested again.", NONE,
        ),
        _text("note", "What went wrong, in words.", NONE),
    ),
    record_key=("window_id", "attempt"),
)  # fmt: skip

DRIFT = Table(
    "drift",
    "drift",
    "What the API sent that is not declared, by load and field. Each kind is reported once.",
    (
        _text("run_id", "The load command that saw it.", NONE),
        _text("kind", "`new_key`, `new_value` of an enumeration, or `new_type`.", NONE),
        _text("table_name", "The table.", NONE),
        _text("field", "The key in the API's JSON, dotted below the element.", NONE),
        _text(
            "value",
            "The new value of a column that is stored unchanged, or the type that was sent; else empty.",
            NONE,
        ),
        _int("occurrences", "How often in this load."),
        _at("noticed_at", "When."),
    ),
    record_key=("run_id", "kind", "table_name", "field", "value"),
)

VANISHED_CALLS = Table(
    "vanished_calls",
    "vanished_call",
    "Calls of the warehouse that are no longer in the API, found by `callmart reconcile`. Their rows stay.",
    (
        _int("call_id", "The call's id."),
        _at("queued_at", "When it was queued, if it was."),
        _at("updated_at", "When it last changed, as landed."),
        _at("noticed_at", "When it was first found to be gone."),
    ),
    record_key=("call_id",),
)

RECONCILED_DAYS = Table(
    "reconciled_days",
    "reconciled_day",
    "The result of the latest `callmart reconcile` for each day.",
    (
        _text("counted_by", "The timestamp that decides a call's day: `queued_at` or `updated_at`.", NONE),
        _at("day", "Start of the day (UTC)."),
        _at("counted_until", "Up to when the day was compared (UTC): its end, or earlier on the last day."),
        _int("counted_by_api", "Calls of the day by the API, without those that `callmart forget` removed."),
        _int("in_warehouse", "Calls of the day in the warehouse."),
        _int("missing", "Calls that the API has and the warehouse does not."),
        _int("stale", "Calls that differ between the warehouse and the API."),
        _int("vanished", "Calls that the warehouse has and the API no longer returns."),
        _int("healed", "Missing and stale calls that were loaded by `--heal`."),
        _bool("compared", "Whether the contents were compared, not only the counts.", staging="is_compared"),
        _int("requests", "Requests sent."),
        _at("checked_at", "When."),
    ),
    record_key=("counted_by", "day"),
)

FORGOTTEN = Table(
    "forgotten",
    "forgotten_value",
    "Pseudonyms of erased people, so that no load brings them back.",
    (
        _text("kind", "What the value was: `end_user`, `identifier`, `contact` or `call`.", NONE),
        _text("pseudonym", "The pseudonym of the value, under the key of `[privacy]`.", NONE),
        _text("choice", "What happens to the calls: `anonymous` or `removed`.", NONE),
        _text("erasure_id", "The erasure: `erasures.erasure_id`.", NONE),
    ),
    record_key=("kind", "pseudonym"),
)

ERASURES = Table(
    "erasures",
    "erasure",
    "The audit of `callmart forget`: one row per person that was erased. Holds nothing personal.",
    (
        _text("erasure_id", "A random id.", NONE),
        _text("asked_by", "What the person was found by: `end_user`, `identifier` or `call`.", NONE),
        _text("choice", "What happened to the calls: `anonymous` or `removed`.", NONE),
        _int("calls", "Calls that were made anonymous or removed."),
        _int("rejected_calls", "Unreadable calls whose body was emptied, or that were removed."),
        _int("mentions", "Cells of other people's calls that named the person and were emptied."),
        _at("asked_at", "When it was requested."),
        _at("finished_at", "When the erasure was complete; empty until then."),
    ),
    record_key=("erasure_id",),
)

PSEUDONYM_KEYS = Table(
    "pseudonym_keys",
    "pseudonym_key",
    "The fingerprint of the key for the warehouse's pseudonyms: one row. Detects a wrong key without revealing the key.",
    (
        _text("warehouse", "Always `here`.", NONE),
        _text("fingerprint", "The pseudonym of a fixed word under the key.", NONE),
        _at("since", "Since when."),
    ),
    record_key=("warehouse",),
)

RECORDS: tuple[Table, ...] = (
    REJECTED_CALLS, LOAD_WINDOWS, DRIFT, VANISHED_CALLS, RECONCILED_DAYS, FORGOTTEN, ERASURES, PSEUDONYM_KEYS,
)  # fmt: skip
"""The tables that callmart writes about its own work."""
