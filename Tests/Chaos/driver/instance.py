"""A process of Gatehouse, with sockets and a spool of its own."""

import os
import signal
import subprocess
import time

from broken import Broken, wait_for
from load import Connection, exchange

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"


class Instance:
    def __init__(self, world, name, listen=None):
        """`listen` is a port of this machine in place of a unix socket."""
        self.world, self.name, self.process, self.probes = world, name, None, 0
        self.folder = f"{world.folder}/{name}"
        self.admin, self.spool = f"{self.folder}/admin.sock", f"{self.folder}/spool"
        self.place = ("127.0.0.1", listen) if listen else f"{self.folder}/proxy.sock"
        os.mkdir(self.folder, 0o700)
        # A disk of its own that can be filled.
        os.mkdir(self.spool, 0o700)
        world.mount("tmpfs", self.spool, "size=96m,mode=0700")
        listening = f"127.0.0.1:{listen}" if listen else f"unix:{self.place}"
        # By which instances of one fleet have one file.
        self.environment = world.environment | {"INSTANCE": self.folder, "LISTEN": listening}

    # The process

    def start(self, shim=False):
        environment = self.environment
        if shim:
            self.jump(0)
            environment = environment | {
                "LD_PRELOAD": FAKETIME, "FAKETIME_TIMESTAMP_FILE": f"{self.folder}/clock", "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}
        self.process = subprocess.Popen(
            ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--", self.world.binary, "serve", "--config", self.world.file],
            env=environment, stdout=self.world.log, stderr=self.world.log, stdin=subprocess.DEVNULL)

    def jump(self, seconds):
        """Sets the clock of a Gatehouse that was started with the shim."""
        with open(f"{self.folder}/clock.new", "w") as file:
            file.write(f"{seconds:+d}\n")
        os.replace(f"{self.folder}/clock.new", f"{self.folder}/clock")

    @property
    def runs(self):
        return self.process is not None and self.process.poll() is None

    def stop(self, process=None):
        """Ends the process, or one that this instance had before."""
        process = process or self.process
        if process and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                raise Broken(f"{self.name} did not end within 40 s of SIGTERM")

    def kill(self):
        self.process.kill()
        self.process.wait()

    # Asking it

    def command(self, *words, input=None):
        made = subprocess.run([self.world.binary, *words] + ([] if words[:2] == ("key", "generate") else ["--config", self.world.file]),
                              env=self.environment, input=input, capture_output=True, text=True, timeout=120)
        if made.returncode:
            raise Broken(f"gatehouse {' '.join(words)}: {(made.stdout + made.stderr)[-400:].strip()}")
        return made.stdout

    def ask(self, path):
        got = exchange(self.admin, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(), 5)
        return got.decode("utf-8", "replace").partition("\r\n\r\n")[2]

    def metric(self, name):
        for line in self.ask("/metrics").splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise Broken(f"no metric {name}")

    def probe(self, **credentials):
        """The status of one more call, of a good caller unless told, on a connection of its own, and the name of the call."""
        self.probes += 1
        name = f"t-ok-{self.world.run}-probe-{self.name}-{self.probes}"
        connection = Connection(self.place, 2)
        status = connection.call(name, **(credentials or {"assertion": self.world.assertions.of["ok"]}))
        connection.close()
        return status, name

    def serves(self):
        return self.probe()[0] == 200

    def recovers(self, seconds=60):
        """Seconds until good callers are served again."""
        began = time.monotonic()
        wait_for(self.serves, seconds, f"an answer 200 of {self.name}")
        return time.monotonic() - began
