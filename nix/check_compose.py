"""Whether what a compose file names is there, is bounded, and can be put into its containers.

Its keys and types are the matter of `docker compose config`, or of the schema of the Compose specification.
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
                source = used["source"] if isinstance(used, dict) else used
                if source not in declared[kind]:
                    yield f"{name}: undeclared in {kind}: {used}"
                # Only files are mounted. All else is copied into the container, and Docker refuses that.
                elif kind in ("secrets", "configs") and service.get("read_only") and "file" not in file[kind][source]:
                    yield f"{name}: is read-only, so {source} must be a file"


with open(sys.argv[1], encoding="utf-8") as stream:
    found = list(complaints(yaml.safe_load(stream)))
print("\n".join(found), end="\n" if found else "", file=sys.stderr)
sys.exit(bool(found))
