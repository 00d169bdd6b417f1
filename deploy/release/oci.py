"""Makes an OCI archive of an image out of its root folder and of the last stage of its Dockerfile, without a container engine, and the same bytes each
time.

    oci.py DOCKERFILE FOLDER ARCHIVE NAME=VALUE…

The values are those of the stage's ARGs. Times are SOURCE_DATE_EPOCH; owners are root, but for what the folder says belongs to 65532.
"""

import gzip
import hashlib
import io
import json
import os
import re
import shlex
import stat
import subprocess
import sys
import tarfile

dockerfile, root, archive = sys.argv[1:4]
values = dict(argument.split("=", 1) for argument in sys.argv[4:])
epoch = int(os.environ["SOURCE_DATE_EPOCH"])


def instructions():
    """The instructions of the last stage, one a line, comments left out."""
    with open(dockerfile) as file:
        text = "".join(line for line in file if not line.startswith("#")).replace("\\\n", " ")
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip()]
    last = max(index for index, (word, _) in enumerate(lines) if word == "FROM")
    assert lines[last][1] == "scratch", "an image without a base is made of its own files alone"
    return lines[last + 1:]


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()
    return int(number) * (60 if unit == "m" else 1) * 1_000_000_000


def image_configuration():
    arguments, config = {}, {"Env": [], "Labels": {}, "Volumes": {}, "ExposedPorts": {}}

    def expanded(text):
        return re.sub(r"\$\{(\w+)\}", lambda found: arguments[found[1]], text)

    for word, rest in instructions():
        if word == "ARG":
            name, default = rest.split("=", 1)
            arguments[name] = values.get(name, default)
        elif word in ("LABEL", "ENV"):
            for pair in shlex.split(expanded(rest)):
                name, value = pair.split("=", 1)
                config["Labels"].update({name: value}) if word == "LABEL" else config["Env"].append(pair)
        elif word == "USER":
            config["User"] = rest
        elif word == "VOLUME":
            config["Volumes"][rest] = {}
        elif word == "EXPOSE":
            config["ExposedPorts"][f"{rest}/tcp"] = {}
        elif word in ("ENTRYPOINT", "CMD"):
            config["Entrypoint" if word == "ENTRYPOINT" else "Cmd"] = json.loads(rest)
        elif word == "HEALTHCHECK":
            options, command = rest.split(" CMD ", 1)
            option = dict(part.removeprefix("--").split("=") for part in options.split())
            config["Healthcheck"] = {
                "Test": ["CMD"] + json.loads(command),
                "Interval": seconds(option["interval"]),
                "Timeout": seconds(option["timeout"]),
                "StartPeriod": seconds(option["start-period"]),
                "Retries": int(option["retries"]),
            }
        else:
            assert word == "COPY" and rest == "--from=build /image /", f"{word} is not known here"
    assert values.keys() <= arguments.keys(), f"{values.keys() - arguments.keys()} are no arguments of the image"
    return config


def layer():
    """The root as a tar: in the order of the names, with one time."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        paths = []
        for folder, folders, files in os.walk(root):
            paths += [os.path.relpath(os.path.join(folder, name), root) for name in folders + files]
        for path in sorted(paths):
            status = os.lstat(os.path.join(root, path))
            entry = tarfile.TarInfo(path)
            entry.mtime = epoch
            entry.mode = stat.S_IMODE(status.st_mode)
            # Those of the process; everything else is root's.
            entry.uid, entry.gid = (65532, 65532) if status.st_uid == 65532 else (0, 0)
            if stat.S_ISDIR(status.st_mode):
                entry.type = tarfile.DIRTYPE
                tar.addfile(entry)
            else:
                assert stat.S_ISREG(status.st_mode), f"{path} is no plain file"
                entry.size = status.st_size
                with open(os.path.join(root, path), "rb") as file:
                    tar.addfile(entry, file)
    return output.getvalue()


blobs = {}


def blob(kind, data):
    digest = hashlib.sha256(data).hexdigest()
    blobs[digest] = data
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(data)}


def document(value):
    return json.dumps(value, indent=1, sort_keys=True).encode()


created = values["CREATED"]
files = layer()
config = image_configuration()
architecture = subprocess.run(
    ["dpkg", "--print-architecture"], check=True, capture_output=True, text=True
).stdout.strip()
configuration = blob("config.v1+json", document({
    "architecture": architecture,
    "os": "linux",
    "created": created,
    "config": config,
    "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(files).hexdigest()}"]},
    "history": [{"created": created, "created_by": "deploy/release.sh"}],
}))
manifest = blob("manifest.v1+json", document({
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": configuration,
    "layers": [blob("layer.v1.tar+gzip", gzip.compress(files, 9, mtime=0))],
    "annotations": config["Labels"],
}))
manifest["annotations"] = {"org.opencontainers.image.ref.name": config["Labels"]["org.opencontainers.image.ref.name"]}
contents = {f"blobs/sha256/{digest}": data for digest, data in blobs.items()}
contents["oci-layout"] = document({"imageLayoutVersion": "1.0.0"})
contents["index.json"] = document({"schemaVersion": 2, "manifests": [manifest]})
with tarfile.open(archive, "w", format=tarfile.USTAR_FORMAT) as tar:
    for folder in ["blobs", "blobs/sha256"]:
        entry = tarfile.TarInfo(folder)
        entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, epoch
        tar.addfile(entry)
    for name in sorted(contents):
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.mtime = len(contents[name]), 0o644, epoch
        tar.addfile(entry, io.BytesIO(contents[name]))
