"""Says of entries of a list of tools what their definition is, by an RFC 8785 implementation of others (PyPI rfc8785).

Each line of stdin is an entry in base64. One line of JSON for each on stdout: null for what is no JSON or could be read in two ways, else
{"canonical": base64, "digest": hex}.
"""

import base64
import hashlib
import json
import re
import sys
import unicodedata

import rfc8785

MEMBERS = ["annotations", "description", "inputSchema", "name", "outputSchema", "title"]
EXACT = 2**53 - 1
UNSEEN = re.compile("[\u0000-\u0020\u007f\u00a0\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")


class Pairs(list):
    """An object with all of its members."""


def integer(text):
    # The RFC knows doubles alone; this implementation refuses what they round.
    number = int(text)
    return number if abs(number) <= EXACT else float(text)


def refuse(text):
    raise ValueError(text)


def unique(value):
    if isinstance(value, Pairs):
        if len({key for key, _ in value}) < len(value):
            raise ValueError("a member twice")
        return {key: unique(one) for key, one in value}
    if isinstance(value, list):
        return [unique(one) for one in value]
    return value


def folded(name):
    name = UNSEEN.sub("", unicodedata.normalize("NFKC", name)).casefold()
    return name[:1] + name[1:].replace("_", "")


def definition(text):
    entry = json.loads(text, object_pairs_hook=Pairs, parse_int=integer, parse_constant=refuse)
    if not isinstance(entry, Pairs):
        raise ValueError("no object")
    known = Pairs((key, value) for key, value in entry if folded(key) in [member.casefold() for member in MEMBERS])
    if any(key not in MEMBERS for key, _ in known):
        raise ValueError("a name that is taken for another")
    tool = unique(known)
    if not isinstance(tool.get("name"), str):
        raise ValueError("no name")
    return rfc8785.dumps(tool)


for line in sys.stdin:
    try:
        canonical = definition(base64.b64decode(line).decode())
        read = {"canonical": base64.b64encode(canonical).decode(), "digest": hashlib.sha256(canonical).hexdigest()}
    except (ValueError, RecursionError, rfc8785.CanonicalizationError):
        read = None
    print(json.dumps(read), flush=False)
