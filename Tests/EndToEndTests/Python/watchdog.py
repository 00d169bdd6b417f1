"""Clears up what a test process leaves behind, however it ends: when stdin closes, the process groups still listed are
killed and the folders still listed deleted. Lines are "+PID", "-PID" and, once for each folder, "/PATH"."""

import os
import shutil
import signal
import sys

pids, folders = set(), []
for line in map(str.strip, sys.stdin):
    if line.startswith("/"):
        folders.append(line)
    elif line.startswith("+"):
        pids.add(int(line[1:]))
    else:
        pids.discard(int(line[1:]))
for pid in pids:
    try:
        os.killpg(pid, signal.SIGKILL)
    except OSError:
        pass
for folder in folders:
    shutil.rmtree(folder, ignore_errors=True)
