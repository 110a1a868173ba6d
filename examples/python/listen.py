"""Prints events until it is ended, one line each: listen.py PATTERN …    (* for one segment, # for the rest)"""

import argparse
import json
import sys
import time

import redis

from redis_queue import Message, Unreadable, connect, enter, event_channel, is_wildcard, shown


# region listen
def listen(patterns, on_event):
    """Calls on_event(pattern, message) for each event, forever, with the event's own pattern.

    Events that are emitted while it is cut off are missed.
    """
    by_channel = {event_channel(pattern).encode(): pattern for pattern in patterns}
    while True:
        try:
            with connect().pubsub() as subscription:
                subscription.subscribe(*by_channel)
                follow(subscription, by_channel, on_event)
        except redis.RedisError as error:
            print(f"cut off, and missing events: {error}", file=sys.stderr, flush=True)
            time.sleep(1)


def follow(subscription, by_channel, on_event):
    """A connection that is lost without a word looks like a quiet one, so it gets a PING now and then."""
    heard_at = time.monotonic()
    while True:
        news = subscription.get_message(timeout=5)
        if news is not None:
            heard_at = time.monotonic()
        elif time.monotonic() - heard_at > 12:
            raise redis.ConnectionError("no answer to PING")
        else:
            subscription.ping()
        if news is not None and news["type"] == "subscribe":
            pattern = by_channel[news["channel"]]
            if is_wildcard(pattern):  # emitters look for it in the index, now and after each reconnect
                with connect() as client:
                    enter(client, f"listeners:{pattern}")
            print(f"listening to {pattern}", flush=True)
        if news is not None and news["type"] == "message":
            try:
                message = Message(news["data"])
                on_event(message.pattern or by_channel[news["channel"]], message)
            except Unreadable as error:
                print(f"an event cannot be read: {error}", file=sys.stderr, flush=True)
# endregion listen


def main():
    parser = argparse.ArgumentParser(description="Prints events.")
    parser.add_argument("patterns", nargs="+", metavar="PATTERN")

    def show(pattern, message):
        print(f"{pattern} {json.dumps(shown(message.data), ensure_ascii=False)}", flush=True)

    listen(parser.parse_args().patterns, show)


if __name__ == "__main__":
    main()
