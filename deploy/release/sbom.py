"""Prints what a release is made of, as CycloneDX 1.5 in JSON: the Swift packages and runtime that are linked in, and Debian's libraries that are loaded.

    sbom.py SOURCE BINARY VERSION REVISION

Times are SOURCE_DATE_EPOCH; the serial number follows from the revision.
"""

import datetime
import glob
import hashlib
import json
import os
import re
import subprocess
import sys
import uuid

source, binary, version, revision = sys.argv[1:5]
# Where the packages were checked out and built; the working tree's when another binary is packed.
build = next(folder for folder in (os.path.join(source, ".build"), ".build") if os.path.isdir(folder))
epoch = int(os.environ["SOURCE_DATE_EPOCH"])


def output(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def licence_of_package(folder):
    for path in sorted(glob.glob(os.path.join(folder, "LICENSE*"))):
        with open(path) as file:
            text = file.read()
        if "Apache License" in text and "Version 2.0" in text:
            # Swift's own text lets what is compiled with it be used without a notice.
            exception = "Runtime Library Exception" in text
            return {"expression": "Apache-2.0 WITH Swift-exception"} if exception else {"license": {"id": "Apache-2.0"}}
        if "Permission is hereby granted, free of charge" in text:
            return {"license": {"id": "MIT"}}
        return {"license": {"name": f"see {os.path.basename(path)}"}}
    return None


def components_of(component, licences):
    if licences:
        component["licenses"] = licences
    return component


def swift_packages():
    """Those of the lock file of which something was built for the program."""
    with open(os.path.join(source, "Package.resolved")) as file:
        pins = json.load(file)["pins"]
    built = {
        os.path.basename(path).removesuffix(".build")
        for path in glob.glob(os.path.join(build, "*", "release", "*.build"))
        # A folder is there for every target, also of the tests.
        if glob.glob(os.path.join(path, "**", "*.o"), recursive=True)
    }
    for pin in pins:
        checkout = os.path.join(build, "checkouts", pin["location"].rsplit("/", 1)[1].removesuffix(".git"))
        targets = {os.path.basename(path) for path in glob.glob(os.path.join(checkout, "Sources", "*"))}
        if built and not targets & built:
            continue
        place = re.sub(r"^https?://|\.git$", "", pin["location"])
        purl = f"pkg:swift/{place}@{pin['state']['version']}"
        licence = licence_of_package(checkout)
        yield components_of({
            "type": "library",
            "bom-ref": purl,
            "name": pin["identity"],
            "version": pin["state"]["version"],
            "purl": purl,
            "externalReferences": [{"type": "vcs", "url": pin["location"]}],
            "properties": [{"name": "gatehouse:revision", "value": pin["state"]["revision"]}],
        }, [licence] if licence else [])


def swift_runtime():
    number = re.search(r"Swift version (\S+)", output("swift", "--version"))[1]
    purl = f"pkg:generic/swift@{number}"
    return {
        "type": "framework",
        "bom-ref": purl,
        "name": "swift",
        "version": number,
        "description": "the standard library, Dispatch and FoundationEssentials, linked statically",
        "purl": purl,
        "licenses": [{"expression": "Apache-2.0 WITH Swift-exception"}],
        "externalReferences": [{"type": "website", "url": "https://www.swift.org"}],
    }


def licences_of_debian(package):
    """The short names in Debian's copyright file (DEP 5); the file itself where it is of another form."""
    path = f"/usr/share/doc/{package}/copyright"
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            names = re.findall(r"(?m)^License: *(\S.*?) *$", file.read())
    except FileNotFoundError:
        names = []
    return [{"license": {"name": name}} for name in sorted(set(names))] or [{"license": {"name": f"see {path}"}}]


def debian_libraries():
    files = {}
    for path in re.findall(r"/[^ ]+", output("ldd", binary)):
        with open(os.path.realpath(path), "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        owner = next(
            (
                found.split(":")[0]
                for one in (path, os.path.realpath(path), "/usr" + path)
                for found in [subprocess.run(["dpkg-query", "-S", one], capture_output=True, text=True).stdout]
                if found
            ),
            None,
        )
        assert owner, f"no package has {path}"
        files.setdefault(owner, []).append((os.path.basename(path), digest))
    for package in sorted(files):
        fields = "${Version}\\t${Architecture}\\t${source:Package}"
        number, architecture, name = output("dpkg-query", "-W", "-f", fields, package).split("\n")[0].split("\t")
        purl = f"pkg:deb/debian/{package}@{number.replace('+', '%2B').replace(':', '%3A')}?arch={architecture}&distro=debian-12"
        yield {
            "type": "library",
            "bom-ref": purl,
            "name": package,
            "version": number,
            "purl": purl,
            "licenses": licences_of_debian(package),
            "properties": [{"name": "gatehouse:source", "value": name}]
            + [{"name": f"gatehouse:sha256:{file}", "value": digest} for file, digest in sorted(files[package])],
        }


with open(binary, "rb") as file:
    digest = hashlib.sha256(file.read()).hexdigest()
components = sorted([*swift_packages(), swift_runtime(), *debian_libraries()], key=lambda one: one["bom-ref"])
purl = f"pkg:generic/gatehouse@{version}"
print(json.dumps({
    "bomFormat": "CycloneDX",
    "specVersion": "1.5",
    "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'gatehouse:{revision}')}",
    "version": 1,
    "metadata": {
        "timestamp": datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).isoformat().replace("+00:00", "Z"),
        "component": {
            "type": "application",
            "bom-ref": purl,
            "name": "gatehouse",
            "version": version,
            "purl": purl,
            "hashes": [{"alg": "SHA-256", "content": digest}],
            "properties": [{"name": "gatehouse:revision", "value": revision}],
        },
    },
    "components": components,
    "dependencies": [{"ref": purl, "dependsOn": [one["bom-ref"] for one in components]}]
    + [{"ref": one["bom-ref"]} for one in components],
}, indent=1))
