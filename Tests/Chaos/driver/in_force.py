"""What an operator does at one instance is in force at all, in the time that docs/FLEET.md promises."""

import json
import secrets
import time

from broken import Broken, wait_for
from upstream import digest

# Seconds.
PROMISED = 2
USER = "nora@example.com"


def check(world):
    """Rotates the token, refuses a user, lets in a bearer, and takes back the last two, each at the next instance. Returns the slowest time from a command's
    end until it was in force everywhere."""
    turns = iter(world.instances * 5)
    user, bearer, times = {"assertion": world.assertions.of["other"]}, {}, []

    def everywhere(what, holds):
        began = time.monotonic()
        for instance in world.instances:
            wait_for(lambda: holds(instance), 10 * PROMISED, f"{what} at {instance.name}")
            times.append(time.monotonic() - began)
            if times[-1] > PROMISED:
                raise Broken(f"{what} is in force at {instance.name} after {times[-1]:.1f} s")

    def answers(status, credentials):
        return lambda instance: instance.probe(**credentials)[0] == status

    def has_token(instance):
        status, name = instance.probe()
        return status == 200 and world.sent(name) == [digest("Bearer " + world.token)]

    world.token = "token-" + secrets.token_hex(16)
    next(turns).command("token", "rotate", "calls", "--no-probe", input=world.token)
    everywhere("the token", has_token)

    everywhere("a good user", answers(200, user))
    next(turns).command("deny", "add", "--user", USER)
    everywhere("a deny entry", answers(401, user))
    next(turns).command("deny", "remove", "--user", USER)
    everywhere("the end of a deny entry", answers(200, user))

    bearer["bearer"] = next(turns).command("bearer", "issue", "night-" + secrets.token_hex(4), "--routes", "calls", "--for", "1h").strip()
    everywhere("a bearer", answers(200, bearer))
    next(turns).command("bearer", "revoke", "--all")
    everywhere("the end of a bearer", answers(401, bearer))

    for instance in world.instances:
        wait_for(lambda: is_whole(instance, len(world.instances)), 25, f"a whole fleet in the status of {instance.name}")
    return max(times)


def is_whole(instance, count):
    """Whether an instance sees all, itself among them, of one version and one configuration. Those that were killed are named for an hour."""
    fleet = json.loads(instance.ask("/status.json"))["fleet"]
    there = [one for one in fleet["instances"] if not one["gone"]]
    return (len(there) == count and sum(one["self"] for one in there) == 1 and all(one["same_configuration"] for one in there)
            and len({one["version"] for one in there}) == 1 and not fleet["strange_rows"] and "problem" not in fleet)
