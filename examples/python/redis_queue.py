"""What the programs of this folder share: a connection, keys, elements, replies.

docs/wire-format.md explains all of it, and says which parts to copy.
"""

import gzip
import json
import os
import re
import secrets
import zlib
from pathlib import Path
from urllib.parse import quote

import redis
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.retry import Retry

# The option `prefix` of the servers and clients that these programs talk to.
PREFIX = os.environ.get("REDIS_QUEUE_PREFIX", "rq")


# region connect
def connect():
    """A client that never repeats a command by itself, and gives up on a Redis that is silent for five seconds."""
    url = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
    return redis.Redis.from_url(url, socket_timeout=5, retry=Retry(NoBackoff(), 0))
# endregion connect


def add_data(parser):
    """The arguments of a program that sends something."""
    data = parser.add_mutually_exclusive_group(required=True)
    data.add_argument("json", nargs="?")
    data.add_argument("--file", metavar="PATH", help="send the bytes of a file in place of JSON")


def given_data(given):
    return Path(given.file).read_bytes() if given.file else json.loads(given.json)


def shown(data):
    """For a line of JSON on the screen."""
    return {"bytes": data.hex()} if isinstance(data, bytes) else data


def script(client, name):
    """A Lua script of this folder, to be called with `keys` and `args`."""
    return client.register_script(Path(__file__).with_name(f"{name}.lua").read_text())


# region time
def now_ms(client):
    """The time of Redis in ms. The clock of this machine is ignored: it may be wrong."""
    seconds, microseconds = client.time()
    return seconds * 1000 + microseconds // 1000
# endregion time


# region keys
# Channels belong to no database, so their names contain its number if that is not 0.
DATABASE = parse_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")).get("db", 0)
CHANNELS = f"{PREFIX}:db{DATABASE}" if DATABASE else PREFIX
QUEUES = f"{PREFIX}:queues"
GROUPS = f"{PREFIX}:groups"
WILDCARDS = f"{PREFIX}:{{wildcards}}"


class Keys:
    """The keys of one queue."""

    def __init__(self, queue):
        # A group's queue is beside others of its pattern: {order.placed}@billing.
        of_group = re.fullmatch(r"@([\w.-]+)/(.+)", queue, re.ASCII | re.DOTALL)
        place = f"{{{of_group[2]}}}@{of_group[1]}" if of_group else f"{{{queue}}}"
        base = f"{PREFIX}:{place}"
        self.waiting = f"{base}:waiting"
        self.suspects = f"{base}:suspects"
        self.roles = f"{base}:roles"
        self.delayed = f"{base}:delayed"
        self.dead = f"{base}:dead"
        self.consumers = f"{base}:consumers"
        self.fenced = f"{base}:fenced"
        self.counts = f"{base}:counts"
        self.ids = f"{base}:ids"
        self.parked = f"{base}:parked"
        self.paused = f"{base}:paused"
        self.levels = f"{base}:levels"
        self.lanes = f"{base}:lanes"
        self.resting = f"{base}:resting"
        self.terms = f"{base}:terms"
        self.wake = f"{CHANNELS}:{place}:wake"
        self.processing = lambda consumer: f"{base}:processing:{consumer}"


def reply_list(caller):
    return f"{PREFIX}:{{reply:{caller}}}:replies"


def parked_reply(replies, name):
    """The body of a large reply, beside the list."""
    return f"{replies.removesuffix('replies')}parked:{name}"


def is_reply_list(key):
    """Replies go nowhere else: a message may name any key as its reply list."""
    named = re.fullmatch(re.escape(PREFIX) + r":\{reply:[^{}]+\}:replies", key)
    return named is not None


def index_of(pattern):
    """Who wants this event. Those who want several patterns are in WILDCARDS."""
    return f"{PREFIX}:{{{pattern}}}:groups"


def event_channel(pattern):
    return f"{CHANNELS}:event:{pattern}"


def group_queue(group, pattern):
    """The name of the queue that holds a group's copies of the events of a pattern."""
    return f"@{group}/{pattern}"
# endregion keys


class QueueFull(Exception):
    """As many messages wait as the servers of the queue allow. Nothing was sent."""

    def __init__(self, queue, length, most):
        super().__init__(f"The queue {queue} is full: {length} messages wait, and {most} may.")


# region encode
def new_id():
    """A unique id."""
    return secrets.token_urlsafe(12)


def to_json(value):
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "backslashreplace")  # half a surrogate pair can only be escaped


ZIP_ABOVE = 32 * 1024


def encode_body(data):
    """Header fields that say how the body was made, and its bytes. Data that is bytes stays as it is."""
    fields, body = ({"codec": "raw"}, data) if isinstance(data, bytes) else ({}, to_json(data))
    if len(body) > ZIP_ABOVE:
        zipped = gzip.compress(body, compresslevel=1)
        if len(zipped) < 0.9 * len(body):
            return {**fields, "zip": "gzip"}, zipped
    return fields, body


def join_element(header, body):
    """The bytes of a message or a reply: one line of JSON that begins with "rq", and the body."""
    return to_json({"rq": 1, **header}) + b"\n" + body


def written_key(key):
    """A key as it stands in a header."""
    return quote(key, safe="!~*'()")


def new_element(message_id, at_ms, data, key=None, priority=None, **fields):
    """A message to be sent, with its key as it stands in the header. Fields that are None are left out."""
    front = {**({"key": key} if key else {}), **({} if priority is None else {"priority": priority})}
    given = {name: value for name, value in fields.items() if value is not None}
    encoding, body = encode_body(data)
    return join_element({**front, "id": message_id, "at": at_ms, **given, **encoding}, body)
# endregion encode


# region decode
class Unreadable(Exception):
    """The bytes are not a message, or not one that this program can read."""


def from_json(text):
    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    try:
        return json.loads(text.decode(), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}") from error


MAX_BODY_BYTES = 16 * 1024 * 1024


def unzip(body, zip_name):
    """Stops at the largest size that is accepted, whatever the bytes claim."""
    if zip_name != "gzip":
        raise Unreadable(f"The body is compressed as {zip_name}; this program reads gzip.")
    unpacking = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacking.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise Unreadable(f"not gzip: {error}") from error
    if len(unpacked) > MAX_BODY_BYTES or not unpacking.eof:
        raise Unreadable(f"The body is cut off, or has more than {MAX_BODY_BYTES} bytes.")
    return unpacked


# By the name of the codec in the header. For msgpack: pip install msgpack, then add it here as
# "msgpack": functools.partial(msgpack.unpackb, timestamp=3).
DECODERS = {"raw": bytes}

HEADER_START = re.compile(rb'\{\s*"rq"\s*:')

# The front of a header. The same names elsewhere in it mean nothing.
FRONT = re.compile(
    rb'\{\s*"rq"\s*:\s*1\s*(?:,"crashes":(\d+)(?=[,}]))?(?:,"attempt":(\d+)(?=[,}]))?'
    rb'(?:,"parked":"([\w-]+)"(?=[,}]))?(?:,"postponed":(\d+)(?=[,}]))?(?=\s*[,}])'
)
FRONT_BYTES = 192

# A key stands right behind the front, percent-encoded.
KEY = re.compile(rb''',"key":"([\w.!~*'()%-]{1,255})"[,}]''', re.ASCII)

MAX_HEADER_BYTES = 64 * 1024


def split_element(element):
    """The header, None for plain data, and the body's bytes."""
    line, newline, body = element.partition(b"\n")
    if not newline or not HEADER_START.match(line):
        return None, element
    if len(line) > MAX_HEADER_BYTES:
        raise Unreadable(f"The header has {len(line)} bytes.")
    header = from_json(line)
    if header["rq"] != 1 or not FRONT.match(line[:FRONT_BYTES]):
        raise Unreadable(f"format version {header['rq']}, where this program reads version 1")
    return header, body


def front_of(element):
    """Crashes, attempt, the name of the parked body, postponements, and where the rest of the header begins."""
    found = FRONT.match(element[:FRONT_BYTES])
    crashes, attempt, parked, postponed = found.groups()
    name = parked and parked.decode()
    counts = count_of(crashes, 0), max(1, count_of(attempt, 1)), name, count_of(postponed, 0)
    return *counts, found.end()


def key_of(element):
    """As it stands in the header; empty without one."""
    front = FRONT.match(element[:FRONT_BYTES]) if element.startswith(b'{"rq":1,') else None
    found = front and b"\n" in element and KEY.match(element, front.end())
    return found[1].decode() if found else ""


def count_of(digits, otherwise):
    """A number that somebody else wrote may be too large to be raised."""
    return otherwise if digits is None else min(int(digits), 1_000_000)


class Message:
    """The content of an element. Raises Unreadable if there is none; so does `data`."""

    def __init__(self, element):
        if element == b"":
            raise Unreadable("The element is empty.")
        self.element = element
        self.header, self.body = split_element(element)
        self.crashes, self.attempt, self.parked, self.postponed, _ = (
            (0, 1, None, 0, 0) if self.header is None else front_of(element)
        )
        self.codec = self.field("codec", str)
        self.zip = self.field("zip", str)
        # The bytes of the data. A parked body has to be fetched.
        self.content = self.body if self.parked is None else None
        self.pattern = self.field("pattern", str)
        self.id = self.field("id", str)
        self.headers = self.field("headers", dict) or {}
        self.expires_at = self.field("expiresAt", int, float)
        self.reply_to = self.field("replyTo", str)
        self.request = self.field("re", int, float)
        if self.reply_to is not None and self.request is None:
            raise Unreadable('The header has "replyTo" but no number "re".')
        if self.reply_to is not None and not is_reply_list(self.reply_to):
            raise Unreadable(f'The header field "replyTo" names no reply list: {self.reply_to}')

    def field(self, name, *kinds):
        value = (self.header or {}).get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
            raise Unreadable(f"The header field {name} has an unusable value: {value}")
        return value

    @property
    def data(self):
        """Bytes for the codec raw, else what JSON or another codec decodes."""
        if self.content is None:
            raise Unreadable(f"The body is parked as {self.parked}, and was not fetched.")
        if len(self.content) > MAX_BODY_BYTES:
            raise Unreadable(f"The body has more than {MAX_BODY_BYTES} bytes.")
        content = self.content if self.zip is None else unzip(self.content, self.zip)
        if self.codec in (None, "json"):
            return from_json(content) if content else None
        if self.codec not in DECODERS:
            advice = "add it to DECODERS in redis_queue.py, or have the sender write JSON"
            raise Unreadable(f"This program cannot read the codec {self.codec}: {advice}.")
        return DECODERS[self.codec](content)
# endregion decode


# region again
def for_another_attempt(message, crashes=None, postponed=0):
    """The element with its attempt raised. Only the front is written anew: all other bytes are somebody else's.

    With `postponed` 1, the attempt before it does not count: its handler asked for the pause.
    """
    counts = {"attempt": message.attempt + 1}
    if crashes:
        counts = {"crashes": crashes, **counts}
    if message.parked is not None:
        counts["parked"] = message.parked
    if message.postponed + postponed > 0:
        counts["postponed"] = message.postponed + postponed
    if message.header is None:
        return join_element({**counts, "id": new_id()}, message.body)
    rest_at = front_of(message.element)[-1]
    return to_json({"rq": 1, **counts})[:-1] + message.element[rest_at:]


def is_suspect(element):
    """Whether a process that died was holding it."""
    return element.startswith(b'{"rq":1,"crashes":')


def after_a_crash(held):
    """New elements for those of a consumer that died, oldest first: pairs of the element and the end of the suspects'
    list that it goes to. Each may be to blame. Of those that were suspects before, the one begun last is; older ones
    wait behind all others.
    """
    last = max((index for index, element in enumerate(held) if is_suspect(element)), default=None)
    after = []
    for index, element in enumerate(held):
        is_older = is_suspect(element) and index != last
        after.append((suspected(element, 0 if is_older else 1), "RIGHT" if is_older else "LEFT"))
    return after


def suspected(element, more_crashes):
    try:
        message = Message(element)
    except Unreadable:
        return join_element({"crashes": 1, "attempt": 2, "id": new_id()}, element)
    return for_another_attempt(message, message.crashes + more_crashes)
# endregion again


# region dead
def dead_letter(element, facts):
    """A header with the facts, and behind it the element as it came. A parked body is named in front."""
    header, _, _ = element.partition(b"\n")
    front = FRONT.match(header[:FRONT_BYTES])
    parked = {"parked": front_of(element)[2]} if front and front.group(3) else {}
    return join_element({**parked, "dead": {**facts, "whole": True}}, element)
# endregion dead


# region reply
def new_reply(request, data, is_error=False):
    """The only reply, and so the last one, to the request with this number."""
    error = {"error": True} if is_error else {}
    encoding, body = encode_body(data)
    return join_element({"re": request, **error, "last": True, **encoding}, body)
# endregion reply


# region wildcards
def is_wildcard(pattern):
    """Whether a segment between dots is * or #. The JSON of an object pattern has no wildcards."""
    segments = [] if pattern.startswith("{") else pattern.split(".")
    return "*" in segments or "#" in segments


def enter(client, field):
    """Enters a field in the index of its pattern: from now on, every emitter knows of it."""
    queue = re.fullmatch(r"@[\w.-]+/(.+)", field, re.ASCII | re.DOTALL)
    pattern = queue[1] if queue else field.removeprefix("listeners:")
    index = WILDCARDS if is_wildcard(pattern) else index_of(pattern)
    script(client, "enter")(keys=[index, f"{WILDCARDS}:changes"], args=[field, int(index == WILDCARDS)])
    # For people and tools, behind it: another try mends what a crash leaves out.
    client.hset(GROUPS, field, "1")
    if queue:
        client.hsetnx(QUEUES, field, "pushed")
# endregion wildcards
