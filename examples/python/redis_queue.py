"""What the programs of this folder share: a connection, keys, elements, replies.

docs/wire-format.md says what all of it means, and which parts of it to copy.
"""

import json
import os
import re
import secrets
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

# The option `prefix` of the servers and clients that are to be met.
PREFIX = os.environ.get("REDIS_QUEUE_PREFIX", "rq")


# region connect
def connect():
    """A client that sends nothing again by itself, and gives up on a Redis that is silent for five seconds."""
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    return redis.Redis.from_url(url, socket_timeout=5, retry=Retry(NoBackoff(), 0))
# endregion connect


def script(client, name):
    """A Lua script of this folder, to be called with `keys` and `args`."""
    return client.register_script(Path(__file__).with_name(f"{name}.lua").read_text())


# region time
def now_ms(client):
    """The time of Redis in ms. The clock of this machine plays no part: it may be wrong."""
    seconds, microseconds = client.time()
    return seconds * 1000 + microseconds // 1000
# endregion time


# region keys
QUEUES = f"{PREFIX}:queues"


class Keys:
    """The keys of one queue."""

    def __init__(self, queue):
        base = f"{PREFIX}:{{{queue}}}"
        self.waiting = f"{base}:waiting"
        self.delayed = f"{base}:delayed"
        self.dead = f"{base}:dead"
        self.consumers = f"{base}:consumers"
        self.fenced = f"{base}:fenced"
        self.counts = f"{base}:counts"
        self.ids = f"{base}:ids"
        self.parked = f"{base}:parked"
        self.paused = f"{base}:paused"
        self.wake = f"{base}:wake"
        self.processing = lambda consumer: f"{base}:processing:{consumer}"


def reply_list(caller):
    return f"{PREFIX}:{{reply:{caller}}}:replies"


def event_channel(pattern):
    return f"{PREFIX}:event:{pattern}"
# endregion keys


# region encode
def new_id():
    """An id that nobody else has."""
    return secrets.token_urlsafe(12)


def to_json(value):
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace")  # half a surrogate pair can only be escaped


def join_element(header, body):
    """The bytes of a message or a reply: one line of JSON that begins with "rq", and the body."""
    return to_json({"rq": 1, **header}) + b"\n" + body


def new_element(message_id, at_ms, data, **fields):
    """A message to be sent. Fields that are None are left out."""
    given = {name: value for name, value in fields.items() if value is not None}
    return join_element({"id": message_id, "at": at_ms, **given}, to_json(data))
# endregion encode


# region decode
class Unreadable(Exception):
    """The bytes are no message, or none that this program can read."""


def from_json(text):
    def refuse(constant):
        raise ValueError(f"{constant} is no JSON")

    try:
        return json.loads(text.decode(), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"no JSON: {error}") from error


HEADER_START = re.compile(rb'\{\s*"rq"\s*:')


def split_element(element):
    """The header, None for plain data, and the body's bytes."""
    line, newline, body = element.partition(b"\n")
    if not newline or not HEADER_START.match(line):
        return None, element
    header = from_json(line)
    if header["rq"] != 1:
        raise Unreadable(f"format version {header['rq']}, where this program reads version 1")
    return header, body


class Message:
    """What an element says. Raises Unreadable when that is nothing; so does `data`."""

    def __init__(self, element):
        if element == b"":
            raise Unreadable("The element is empty.")
        self.header, self.body = split_element(element)
        self.id = self.field("id", str)
        self.attempt = self.field("attempt", int) or 1
        self.crashes = self.field("crashes", int) or 0
        self.headers = self.field("headers", dict) or {}
        self.expires_at = self.field("expiresAt", int, float)
        self.reply_to = self.field("replyTo", str)
        self.request = self.field("re", int, float)
        if self.reply_to is not None and self.request is None:
            raise Unreadable('The header has "replyTo" but no number "re".')

    def field(self, name, *kinds):
        value = (self.header or {}).get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
            raise Unreadable(f"The header field {name} has an unusable value: {value}")
        return value

    @property
    def data(self):
        for name in ("codec", "zip", "parked"):  # the body is not simply the JSON of the data
            if self.field(name, object) is not None:
                raise Unreadable(f"This program cannot read a body with {name}: {self.header[name]}")
        return from_json(self.body) if self.body else None
# endregion decode


# region again
COUNTS = ("rq", "crashes", "attempt")


def for_another_attempt(message, crashes=None):
    """The message with its attempt raised. The counts stand right behind "rq": other programs rely on that."""
    counts = {"attempt": message.attempt + 1}
    if message.crashes or crashes:
        counts = {"crashes": crashes or message.crashes, **counts}
    header = message.header or {"id": new_id()}
    rest = {name: value for name, value in header.items() if name not in COUNTS}
    return join_element({**counts, **rest}, message.body)


def after_a_crash(element, was_alone):
    """The element of a consumer that died: it may be to blame, and runs alone from now on."""
    try:
        message = Message(element)
    except Unreadable:
        return join_element({"crashes": 1, "attempt": 2, "id": new_id()}, element)
    is_blamed = was_alone or message.crashes == 0
    return for_another_attempt(message, message.crashes + 1 if is_blamed else message.crashes)
# endregion again


# region dead
def dead_letter(element, facts):
    """The element that is parked: the header with the facts; without a header, all of it is the body."""
    try:
        header, body = split_element(element)
    except Unreadable:
        header, body = None, element
    if header is None:
        return join_element({"dead": {**facts, "whole": True}}, body)
    return join_element({**header, "dead": facts}, body)
# endregion dead


# region reply
def new_reply(request, data, is_error=False):
    """The only reply, and by that the last one, to the request with this number."""
    error = {"error": True} if is_error else {}
    return join_element({"re": request, **error, "last": True}, to_json(data))
# endregion reply
