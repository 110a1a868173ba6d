"""Emits an event to all who want it: emit.py [--id ID] [--once MS] [--key KEY] [--file PATH] PATTERN [JSON]"""

import argparse
import sys

import redis

from redis_queue import (
    CHANNELS,
    PREFIX,
    WILDCARDS,
    QueueFull,
    add_data,
    connect,
    given_data,
    index_of,
    is_wildcard,
    new_element,
    new_id,
    now_ms,
    script,
    written_key,
)


# region emit
def emit(client, pattern, data, event_id, window_ms=0, key=None):
    """Returns for how many groups Redis holds a copy, how many connections listened, and for how many full queues the
    copy was dropped, since their servers want that. Raises QueueFull, with no effect, if another one is full.

    With a window, Redis accepts the id once within that many ms, from any sender. Returns None if it was there.
    With a key, each group handles the event behind others of this key.
    """
    if is_wildcard(pattern):
        raise ValueError(f"An event has one pattern; {pattern} stands for several.")
    written = written_key(key) if key else ""
    element = new_element(event_id, now_ms(client), data, key=written, pattern=pattern)
    args = [PREFIX, CHANNELS, pattern, element, event_id, window_ms, written]
    end, *numbers = script(client, "emit")(keys=[index_of(pattern), WILDCARDS], args=args)
    if end == b"full":
        name, length, most = numbers
        raise QueueFull(name.decode(), length, most)
    return None if end == b"duplicate" else tuple(numbers)
# endregion emit


def main():
    parser = argparse.ArgumentParser(description="Emits one event.")
    parser.add_argument("pattern")
    add_data(parser)
    parser.add_argument("--id", default=new_id())
    parser.add_argument("--once", type=int, default=0, metavar="MS", help="accept the id once within this many ms")
    parser.add_argument("--key", help="each group handles it behind others of this key")
    given = parser.parse_args()
    try:
        reached = emit(connect(), given.pattern, given_data(given), given.id, given.once, given.key)
    except (redis.ConnectionError, redis.TimeoutError) as error:
        sys.exit(f"{given.id} may or may not be emitted; emit it again with --id and --once: {error}")
    except QueueFull as error:
        sys.exit(str(error))
    if reached is None:
        print(f"emitted before as {given.id}")
    else:
        groups, listeners, dropped = reached
        print(f"groups: {groups}, listeners: {listeners}" + (f", dropped: {dropped}" if dropped else ""))


if __name__ == "__main__":
    main()
