"""Checks test scripts as nixpkgs does when it builds their driver: `ruff check --select F`, and `ty` with the driver's types.

check_scripts.py SCRIPTS.json RUFF TY     SCRIPTS.json is what nix/tests/scripts.nix evaluates to
"""
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DRIVER = Path(__file__).parent / "tests" / "driver"


def names(test):
    """Every machine's name as a variable of the script, with its type."""
    kinds = [("vms", "QemuMachine"), ("containers", "NspawnMachine")]
    found = {re.sub("[^A-Za-z0-9_]", "_", name): kind for key, kind in kinds for name in test[key]}
    if len(found) == 1:
        found["machine"] = next(iter(found.values()))
    return found


def check(name, test, ruff, ty, folder):
    given = (DRIVER / "names.pyi").read_text()
    given += "".join(f"{machine}: {kind}\n" for machine, kind in names(test).items())
    symbols = re.findall(r"^(\w+):|as (\w+)$", given, re.MULTILINE)
    builtins = json.dumps([one or other for one, other in symbols])
    shutil.copytree(DRIVER, folder)
    (folder / "names.pyi").write_text(given)
    (folder / "script.py").write_text(test["script"])
    (folder / "typed.py").write_text("from names import *\n" + test["script"])
    lint = [ruff, "check", "--isolated", "--no-cache", "--quiet", "--select", "F", "--config", f"builtins = {builtins}", "script.py"]
    types = [ty, "check", "--no-progress", "typed.py"]
    failed = False
    for command in (lint, types):
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        if done.returncode != 0:
            failed = True
            print(f"{name}: {done.stdout}{done.stderr}", file=sys.stderr)
    return not failed


def main(scripts, ruff, ty):
    tests = json.loads(Path(scripts).read_text())
    with tempfile.TemporaryDirectory() as folder:
        good = [check(name, test, ruff, ty, Path(folder) / name) for name, test in tests.items()]
    if not all(good):
        sys.exit("a test script would not build")
    print(f"ruff and ty accept {len(good)} test scripts")


main(*sys.argv[1:])
