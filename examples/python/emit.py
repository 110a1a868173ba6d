"""Tells an event to whoever listens now: emit.py PATTERN JSON"""

import argparse
import json

from redis_queue import connect, event_channel, new_element, new_id, now_ms


# region emit
def emit(client, pattern, data):
    """Answers how many connections listened. At most once: nobody keeps it for those who do not listen."""
    element = new_element(new_id(), now_ms(client), data)
    return client.publish(event_channel(pattern), element)
# endregion emit


def main():
    parser = argparse.ArgumentParser(description="Emits one event.")
    parser.add_argument("pattern")
    parser.add_argument("json")
    given = parser.parse_args()
    listeners = emit(connect(), given.pattern, json.loads(given.json))
    print(f"heard by {listeners}")


if __name__ == "__main__":
    main()
