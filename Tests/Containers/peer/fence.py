"""Prints a fenced block of a document: the first of that language, or the first that begins with the given words.

fence.py DOCUMENT LANGUAGE [BEGINNING]
"""

import re
import sys

document, language, *beginning = sys.argv[1:]
text = open(document, encoding="utf-8").read()
for block in re.findall(rf"^```{language}\n(.*?)^```$", text, re.S | re.M):
    if not beginning or block.startswith(beginning[0]):
        sys.stdout.write(block)
        sys.exit(0)
sys.exit(f"{document} has no such block")
