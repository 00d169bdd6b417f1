"""What is broken, one thing after the other. Each event begins and ends with a Gatehouse that serves.

An event returns the seconds until good callers were served again. `served` says whether they are to be served all the time as well, and `fleet` whether
it is for several instances: what they share, or how they follow each other.
"""

import os
import signal
import socket
import subprocess
import time

from broken import Broken, wait_for

ALL, FLEET = {}, []


def event(served=False, fleet=False):
    def named(function):
        name = function.__name__.replace("_", "-")
        ALL[name] = (function, served)
        if fleet:
            FLEET.append(name)
        return function

    return named


@event()
def kill(world, load):
    """kill -9 and a new start, three times."""
    times = []
    for _ in range(3):
        world.first.kill()
        world.first.start()
        times.append(world.recovers())
        time.sleep(0.5)
    return max(times)


def frozen(process, world):
    process.send_signal(signal.SIGSTOP)
    time.sleep(6)
    process.send_signal(signal.SIGCONT)
    return world.recovers()


@event()
def stop(world, load):
    """SIGSTOP of Gatehouse for 6 s."""
    return frozen(world.first.process, world)


@event()
def upstream_stop(world, load):
    """SIGSTOP of the upstream for 6 s, which is longer than a call may take."""
    return frozen(world.upstream, world)


def fill(place):
    """Takes all room that the file system has."""
    filler = place + "/filler" if os.path.isdir(place) else place + "-filler"
    with open(filler, "ab", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while file.write(b"\0" * size):
                    pass
            except OSError:
                pass
    return filler


@event()
def disk(world, load):
    """No room under the spool, while the database is away: what cannot be recorded is refused."""
    port, world.switch.target = world.switch.target, 1
    world.switch.cut()
    filler, began = fill(world.first.spool), time.monotonic()
    # What stands in the spool's rings has its room already.
    pause, load.pause = load.pause, 0
    try:
        wait_for(lambda: any(result[4] == 503 for result in load.since(began)), 60, "a refusal")
        load.pause = pause
        # What becomes free meanwhile is taken as well.
        while time.monotonic() < began + 8:
            fill(world.first.spool + "/more")
            time.sleep(0.1)
    finally:
        load.pause, world.switch.target = pause, port
        for name in (filler, world.first.spool + "/more-filler"):
            if os.path.exists(name):
                os.remove(name)
    return world.recovers()


@event()
def disk_at_start(world, load):
    """kill -9 and a start with no room under the spool."""
    world.first.kill()
    filler = fill(world.first.spool)
    world.first.start()
    time.sleep(3)
    os.remove(filler)
    world.start()
    return world.recovers()


def limit(process, count):
    subprocess.run(["prlimit", "--pid", str(process.pid), f"--nofile={count}:"], check=True)


@event()
def descriptors(world, load):
    """No descriptor for anything new, then one or two, with 40 clients that want one."""
    used = len(os.listdir(f"/proc/{world.first.process.pid}/fd"))
    before = int(open(f"/proc/{world.first.process.pid}/limits").read().split("Max open files")[1].split()[0])
    clients = []
    try:
        for count in (3, used + 2, used):
            limit(world.first.process, count)
            for _ in range(40):
                client = socket.socket(socket.AF_UNIX)
                client.setblocking(False)
                client.connect_ex(world.first.place)
                clients.append(client)
            time.sleep(2)
    finally:
        limit(world.first.process, before)
        for client in clients:
            client.close()
    return world.recovers()


@event()
def names(world, load):
    """The name server fails, knows no such name, then says nothing, longer than an address is remembered."""
    times = []
    for mode in ("failing", "none", "silent"):
        world.names.mode = mode
        time.sleep(8)
        world.names.mode = "good"
        times.append(world.recovers())
    return max(times)


@event()
def clock(world, load):
    """The wall clock jumps two hours ahead and back, two hours back and ahead, and to another day."""
    world.first.stop()
    world.first.start(shim=True)
    world.recovers()
    times = []
    try:
        for seconds in (7200, 0, -7200, 0, 40, -40, 0, 80_000, 0):
            load.half_hour_over = None
            world.first.jump(seconds)
            time.sleep(0.3)
            load.half_hour_over = seconds >= 1800
            # Behind the moment from which assertions are good, nobody is let in.
            if seconds > -10_000:
                times.append(world.recovers())
            time.sleep(2)
    finally:
        world.first.stop()
        load.half_hour_over = False
        world.first.start()
    world.recovers()
    return max(times)


def lying(mode, seconds=6):
    def event(world, load):
        world.certs.mode = mode
        asked = world.certs.asked
        time.sleep(seconds)
        if world.certs.asked == asked:
            raise Broken("the certs server was not asked")
        world.certs.mode = "good"
        return world.recovers()

    return event


for mode, served, words in (
        ("html", True, "a page"), ("500", True, "status 500"), ("huge", True, "a body of 4 GiB"), ("slow", True, "a byte each 200 ms"),
        ("wrong", False, "the keys of somebody else")):
    ALL["certs-" + mode] = (lying(mode), served)
    ALL["certs-" + mode][0].__doc__ = f"The certs server answers with {words}."


@event(served=True, fleet=True)
def locked(world, load):
    """Every table of the database is locked for 8 s."""
    tables = world.sql("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT LIKE 'pg\\_%' "
                       "AND schemaname <> 'information_schema'")
    world.sql(f"BEGIN; LOCK TABLE {', '.join(table for table, in tables)} IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(8); COMMIT")
    return world.recovers()


@event(served=True, fleet=True)
def full(world, load):
    """No room for the database's tables: a tablespace on a disk that is filled."""
    place = os.environ["GATEHOUSE_CHAOS_POSTGRES_FOLDER"] + "/small"
    os.mkdir(place)
    world.mount("tmpfs", place, "size=256m,mode=0700")
    subprocess.run(["chown", "postgres", place], check=True)
    world.sql(f"CREATE TABLESPACE small LOCATION '{place}'")
    move(world, "small")
    filler = fill(place)
    before = world.metric("gatehouse_audit_spool_events")
    try:
        wait_for(lambda: world.metric("gatehouse_audit_spool_events") > before + 300, 30, "a database that takes nothing")
        time.sleep(4)
    finally:
        os.remove(filler)
    recovered = world.recovers()
    move(world, "pg_default")
    world.sql("DROP TABLESPACE small")
    return recovered


def move(world, place):
    """Takes every table and index to a tablespace."""
    for name, kind in world.sql("SELECT c.oid::regclass, relkind FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'i') "
                                "AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'"):
        world.sql(f"ALTER {'TABLE' if kind == 'r' else 'INDEX'} {name} SET TABLESPACE {place}")


def database(world, *words):
    folder, binaries = os.environ["GATEHOUSE_CHAOS_POSTGRES_FOLDER"], os.environ["GATEHOUSE_CHAOS_POSTGRES_BIN"]
    done = subprocess.run(["runuser", "-u", "postgres", "--", f"{binaries}/{words[0]}", *words[1:]], cwd="/", capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, env={**os.environ, "PGPASSWORD": world.own.password})
    if done.returncode:
        raise Broken(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return folder


@event(served=True, fleet=True)
def database_killed(world, load):
    """kill -9 of the database, 4 s without it, and a new start."""
    folder = os.environ["GATEHOUSE_CHAOS_POSTGRES_FOLDER"] + "/data"
    number = int(open(f"{folder}/postmaster.pid").readline())
    os.kill(number, signal.SIGKILL)
    time.sleep(4)
    # The last of its processes leave when they notice; until then it does not start again.
    options = open(f"{folder}/postmaster.opts").read().split(" ", 1)[1].replace('"', "").strip()
    end = time.monotonic() + 30
    while True:
        try:
            database(world, "pg_ctl", "-D", folder, "-w", "-t", "60", "-s", "-l", f"{folder}/server.log", "-o", options, "start")
            break
        except Broken:
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
    return world.recovers()


@event(served=True, fleet=True)
def rolling(world, load):
    """Of a fleet: each instance ends by SIGTERM and starts again, one after the other."""
    times, pause = [], load.pause
    # Some call is under way at each moment.
    load.pause = 0
    for instance in world.instances:
        instance.stop()
        instance.start()
        times.append(instance.recovers())
        time.sleep(1)
    load.pause = pause
    return max(times)


@event(served=True, fleet=True)
def failed_over(world, load):
    """A standby that has every commit is promoted, and the address leads to it; the first database is killed."""
    folder = os.environ["GATEHOUSE_CHAOS_POSTGRES_FOLDER"]
    port = 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    world.sql("SELECT pg_reload_conf()")
    database(world, "pg_basebackup", "-D", f"{folder}/standby", "-R", "-X", "stream", "-c", "fast", "-h", "127.0.0.1", "-p", str(world.own.port),
             "-U", world.own.username)
    with open(f"{folder}/standby/postgresql.auto.conf", "a") as file:
        file.write(f"primary_conninfo = 'host=127.0.0.1 port={world.own.port} user={world.own.username} password={world.own.password} "
                   f"application_name=standby'\n")
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off -c max_connections=300"
    database(world, "pg_ctl", "-D", f"{folder}/standby", "-w", "-t", "60", "-s", "-l", f"{folder}/standby/server.log", "-o", options, "start")
    world.standby = f"{folder}/standby"
    # A commit is one only when the standby has it.
    world.sql("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
    world.sql("SELECT pg_reload_conf()")
    wait_for(lambda: world.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")[0][0] == "1", 20, "a standby")
    time.sleep(3)
    os.kill(int(open(f"{folder}/data/postmaster.pid").readline()), signal.SIGKILL)
    os.remove(f"{folder}/data/postmaster.pid")
    world.switch.cut()
    time.sleep(2)
    database(world, "pg_ctl", "-D", f"{folder}/standby", "-w", "-s", "promote")
    world.switch.target = port
    return world.recovers()
