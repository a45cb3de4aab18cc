"""Whether what a compose file names is there, for machines without `docker compose config`.

Its keys and types are another tool's matter: the schema of the Compose specification.
"""
import sys

import yaml

CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}


def complaints(file):
    services = file["services"]
    declared = {kind: set(file.get(kind) or {}) for kind in ("volumes", "networks", "secrets", "configs")}
    for name, service in services.items():
        if "image" not in service:
            yield f"{name}: no image"
        for bound in ("mem_limit", "pids_limit"):
            if bound not in service:
                yield f"{name}: no {bound}"
        for other, how in (service.get("depends_on") or {}).items():
            if other not in services:
                yield f"{name}: depends on {other}, which is not there"
            elif how["condition"] not in CONDITIONS:
                yield f"{name}: no such condition: {how['condition']}"
        for volume in service.get("volumes") or []:
            source = volume.split(":")[0]
            if not source.startswith((".", "/")) and source not in declared["volumes"]:
                yield f"{name}: undeclared volume {source}"
        for kind in ("networks", "secrets", "configs"):
            for used in service.get(kind) or []:
                if (used["source"] if isinstance(used, dict) else used) not in declared[kind]:
                    yield f"{name}: undeclared in {kind}: {used}"


with open(sys.argv[1], encoding="utf-8") as stream:
    found = list(complaints(yaml.safe_load(stream)))
print("\n".join(found), end="\n" if found else "", file=sys.stderr)
sys.exit(bool(found))
