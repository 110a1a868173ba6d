"""Emits an event to all who want it: emit.py [--id ID] [--once MS] [--file PATH] PATTERN [JSON]"""

import argparse
import sys

import redis

from redis_queue import (
    CHANNELS,
    GROUPS,
    PREFIX,
    add_data,
    connect,
    given_data,
    is_wildcard,
    new_element,
    new_id,
    now_ms,
    script,
)


# region emit
def emit(client, pattern, data, event_id, window_ms=0):
    """Returns for how many groups Redis holds a copy, and how many connections listened.

    With a window, Redis accepts the id once within that many ms, from any sender. Returns None if it was there.
    """
    if is_wildcard(pattern):
        raise ValueError(f"An event has one pattern; {pattern} stands for several.")
    element = new_element(event_id, now_ms(client), data, pattern=pattern)
    args = [PREFIX, CHANNELS, pattern, element, event_id, window_ms]
    groups, listeners = script(client, "emit")(keys=[GROUPS], args=args)
    return None if groups == -1 else (groups, listeners)
# endregion emit


def main():
    parser = argparse.ArgumentParser(description="Emits one event.")
    parser.add_argument("pattern")
    add_data(parser)
    parser.add_argument("--id", default=new_id())
    parser.add_argument("--once", type=int, default=0, metavar="MS", help="accept the id once within this many ms")
    given = parser.parse_args()
    try:
        reached = emit(connect(), given.pattern, given_data(given), given.id, given.once)
    except (redis.ConnectionError, redis.TimeoutError) as error:
        sys.exit(f"{given.id} may or may not be emitted; emit it again with --id and --once: {error}")
    if reached is None:
        print(f"emitted before as {given.id}")
    else:
        print("groups: {}, listeners: {}".format(*reached))


if __name__ == "__main__":
    main()
