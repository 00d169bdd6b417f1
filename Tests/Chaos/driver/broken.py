"""What does not hold, and waiting for what has to."""

import time


class Broken(Exception):
    pass


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.01)
    raise Broken(f"{what} did not come within {seconds} s")
