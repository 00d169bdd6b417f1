"""Validates an SBOM against the schema of CycloneDX 1.5, strictly, and looks for what must be in it.

    sbom.py FILE
"""

import json
import sys

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

with open(sys.argv[1]) as file:
    text = file.read()
problem = JsonStrictValidator(SchemaVersion.V1_5).validate_str(text)
assert problem is None, problem
bom = json.loads(text)
components = {component["name"]: component for component in bom["components"]}
for name in ["swift", "swift-nio", "swift-crypto", "swift-log", "swift-argument-parser", "libcurl4", "libpq5", "libsqlite3-0", "libssl3", "libyaml-0-2", "libc6"]:
    assert name in components, f"{name} is missing"
# It serves the tests alone.
assert "swift-nio-ssl" not in components
for name, component in components.items():
    assert component["version"] and component["purl"] and component["licenses"], f"{name} lacks something"
references = [component["bom-ref"] for component in bom["components"]]
assert len(references) == len(set(references))
print(f"{len(components)} components")
