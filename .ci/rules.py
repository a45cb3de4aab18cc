#!/usr/bin/env python3
"""Checks the rules of docs/CONTRIBUTING.md that need neither a compiler nor a server: `./check rules`.

Prints one line for each violation and exits with status 1 if there is one. `.ci/exceptions.txt` lists what was there
before a rule; its numbers may only shrink.
"""

import hashlib
import json
import os
import re
import sys
from pathlib import Path

import modules

ROOT = Path(__file__).resolve().parent.parent
# A Rust file has fewer lines than this.
LINES_MAX = 400
# A line of prose has no more columns than this.
COLUMNS_MAX = 130
# Types of libraries, in code font in ARCHITECTURE.md.
TYPES_OF_LIBRARIES = {"Ok", "Err", "None", "Some", "Vec", "Arc"}
SKIPPED = {"target", "node_modules", ".git"}

problems = []


def problem(path, sentence):
    problems.append(f"{path}: {sentence}")


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def files(suffix, under="."):
    """Paths relative to the root, without what is built."""
    for folder, folders, names in os.walk(ROOT / under):
        folders[:] = sorted(name for name in folders if name not in SKIPPED and not name.startswith("result"))
        for name in sorted(names):
            if name.endswith(suffix):
                yield (Path(folder) / name).relative_to(ROOT).as_posix()


def exceptions(rule):
    """The lines `RULE PATH NUMBER` of .ci/exceptions.txt, by path."""
    lines = (line.split() for line in read(".ci/exceptions.txt").splitlines() if not line.startswith("#"))
    return {words[1]: int(words[2]) for words in lines if words and words[0] == rule}


def check_bounded(rule, counts, allowed, what):
    """`counts`: how much of something each file has. No more than `allowed`, but for the exceptions."""
    excepted = exceptions(rule)
    for path, count in counts.items():
        bound = excepted.get(path, allowed)
        if count > bound:
            problem(path, f"{count} {what}; at most {bound} are allowed")
    for path in excepted:
        if counts.get(path, 0) <= allowed:
            problem(".ci/exceptions.txt", f"remove the line `{rule} {path}`: the file keeps the rule now")


def check_file_length():
    counts = {path: len(read(path).splitlines()) for path in files(".rs")}
    check_bounded("lines", counts, LINES_MAX - 1, "lines")


def prose(text):
    """The lines of a Markdown page outside tables and code."""
    is_code = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            is_code = not is_code
        elif not is_code and not line.startswith(("|", "    ")):
            yield number, line


def check_columns():
    counts = {}
    for path in files(".md", "docs"):
        long = [number for number, line in prose(read(path)) if len(line) > COLUMNS_MAX]
        counts[path] = len(long)
        if long and path not in exceptions("columns"):
            problem(path, f"lines over {COLUMNS_MAX} columns: {', '.join(map(str, long))}")
    excepted = {path: counts.get(path, 0) for path in exceptions("columns")}
    check_bounded("columns", excepted, 0, f"lines over {COLUMNS_MAX} columns")


def dependencies(manifest):
    """The names under [dependencies] of a Cargo.toml."""
    section = re.search(r"^\[dependencies\]\n(.*?)(?=^\[|\Z)", manifest, re.M | re.S)
    return set(re.findall(r"^([\w-]+)\s*[=.]", section.group(1), re.M)) if section else set()


def check_crates():
    manifests = {}
    for path in files("Cargo.toml"):
        name = re.search(r'^name = "(.+)"', read(path), re.M)
        if path.count("/") == 1 and name:
            manifests[name.group(1)] = read(path)
    real = {crate: dependencies(text) & manifests.keys() for crate, text in manifests.items()}
    section = read("docs/ARCHITECTURE.md").split("## Crates", 1)[-1].split("\n## ", 1)[0]
    drawn = {}
    for row in re.findall(r"^\| `([\w-]+)`.*\|([^|]*)\|$", section, re.M):
        drawn[row[0]] = set(re.findall(r"`([\w-]+)`", row[1]))
    for crate in sorted(real.keys() | drawn.keys()):
        if crate not in drawn:
            problem("docs/ARCHITECTURE.md", f"the table of crates has no row for `{crate}`")
        elif crate not in real:
            problem("docs/ARCHITECTURE.md", f"the table of crates has a row for `{crate}`, which does not exist")
        elif drawn[crate] != real[crate]:
            found = ", ".join(sorted(real[crate])) or "no crate"
            problem("docs/ARCHITECTURE.md", f"`{crate}` depends on {found} according to its Cargo.toml")


def check_code_map():
    """Every source file of a server is named in the code map, by its name or by a folder above it."""
    sections = re.split(r"^### ", read("docs/ARCHITECTURE.md").split("## Code map", 1)[-1], flags=re.M)
    maps = {name.strip(): text for section in sections for name in section.split("\n", 1)[0].split(",")
            for text in [section]}
    crates = [path.split("/")[0] for path in files("Cargo.toml") if path.count("/") == 1]
    for crate in crates:
        if crate in ("bench", "tests"):
            continue
        text = maps.get(crate)
        if text is None:
            problem("docs/ARCHITECTURE.md", f"the code map has no section `### {crate}`")
            continue
        for path in files(".rs", f"{crate}/src"):
            parts = path.split("/src/", 1)[1].split("/")
            if parts[-1] in ("lib.rs", "main.rs", "mod.rs", "tests.rs") or "tests" in parts[:-1]:
                continue
            if not any(name in text for name in (parts[-1], *(f"`{part}/`" for part in parts[:-1]))):
                problem("docs/ARCHITECTURE.md", f"the code map does not name {path}")


def check_circles():
    """No modules of a crate use each other."""
    for manifest in files("Cargo.toml"):
        roots = (Path(manifest).parent / "src" / name for name in ("lib.rs", "main.rs"))
        for root in filter(Path.is_file, (ROOT / root for root in roots)):
            for circle in modules.circles(root):
                for one, other, paths in circle:
                    path = one.path.relative_to(ROOT).as_posix()
                    other = other.path.relative_to(ROOT).as_posix()
                    problem(path, f"is in a circle of modules: it uses {other} ({', '.join(sorted(paths))})")


def check_names():
    """Each source file that a page names exists, and each type that ARCHITECTURE.md names."""
    code = {path: read(path) for path in files(".rs")}
    crates = {path.split("/")[0] for path in files("Cargo.toml") if path.count("/") == 1}
    for page in ["SECURITY.md", *(path for path in files(".md", "docs") if "/decisions/" not in path)]:
        for name in sorted(set(re.findall(r"[\w/*.-]+\.rs\b", read(page)))):
            # `crate/file.rs` leaves `src` out; a name without a crate is below the `src` of one.
            crate, _, rest = name.partition("/")
            wanted = [f"{crate}/src/{rest}", f"{crate}/{rest}"] if crate in crates and rest else []
            pattern = re.compile("|".join(["(?:.*/)?" + glob(name), *map(glob, wanted)]))
            if not any(pattern.fullmatch(path) for path in code):
                problem(page, f"names the file {name}, which does not exist")
    architecture = read("docs/ARCHITECTURE.md")
    for name in sorted(set(re.findall(r"`([A-Z]\w*[a-z]\w*)(?:::\w+)?`", architecture)) - TYPES_OF_LIBRARIES):
        defined = re.compile(rf"\b(?:struct|enum|trait|type|union) {name}\b|^\s+{name}\b *(?:[,{{(]|=>)", re.M)
        if not any(defined.search(source) for source in code.values()):
            problem("docs/ARCHITECTURE.md", f"names the type `{name}`, which does not exist")


def glob(name):
    return re.escape(name).replace(r"\*", "[^/]+")


def attributes(source):
    """The contents of `#[arg(…)]` and the field after it."""
    for found in re.finditer(r"#\[arg\(", source):
        depth, at = 1, found.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(source[at], 0)
            at += 1
        field = re.match(r"\]\s*(?:#\[[^\n]*\]\s*)*(?:pub(?:\(\w+\))?\s+)?(\w+)\s*:", source[at:])
        if field:
            yield source[found.end():at - 1], field.group(1)


def check_flags():
    operating = read("docs/OPERATING.md")
    for path in files(".rs"):
        source = read(path).split("#[cfg(test)]", 1)[0]
        # Arguments without a name are no flags.
        if path.startswith(("bench/", "tests/")) or not re.search(r"#\[arg\([^)]*\b(?:long|env)\b", source):
            continue
        flags = list(flags_of(source))
        if not flags:
            problem(path, "no flags found: .ci/rules.py does not understand the file any more")
        for flag, variables in flags:
            if not re.search(rf"--{flag}(?![\w-])", operating):
                problem("docs/OPERATING.md", f"the flag --{flag} of {path} is not there")
            for variable in variables:
                if not re.search(rf"\b{variable}\b", operating):
                    problem("docs/OPERATING.md", f"the environment variable {variable} of {path} is not there")


def flags_of(source):
    """The flags that clap makes of fields, each with its environment variables; without hidden ones."""
    for attribute, field in attributes(source):
        named = re.search(r'long\s*=\s*"([\w-]+)"', attribute)
        if (named or re.search(r"\blong\b", attribute)) and "hide = true" not in attribute:
            yield named.group(1) if named else field.replace("_", "-"), re.findall(r'\benv = "(\w+)"', attribute)


def check_protocol():
    protocol = read("docs/PROTOCOL.md")
    # A test of `wire` compares schema.json with the types.
    for name in json.loads(read("docs/schema.json"))["$defs"]:
        side, _, kind = name.partition(".")
        if kind and f'"type":"{kind}"' not in protocol:
            problem("docs/PROTOCOL.md", f'the {side}\'s frame "type":"{kind}" is not there')
    codes = re.findall(r'=> "(\w+)"', read("wire/src/code.rs"))
    if not codes:
        problem("wire/src/code.rs", "no error codes found: .ci/rules.py does not understand the file any more")
    for code in codes:
        if f"| `{code}` |" not in protocol:
            problem("docs/PROTOCOL.md", f"the error code `{code}` has no row in the table of errors")


def check_migrations():
    folder = "sql/migrations"
    sums = dict(reversed(line.split(maxsplit=1)) for line in read(f"{folder}/SHA256SUMS").splitlines())
    found = [path.removeprefix(f"{folder}/") for path in files(".sql", folder)]
    for path in found:
        if path not in sums:
            problem(f"{folder}/SHA256SUMS", f"{path} is missing")
        elif hashlib.sha256((ROOT / folder / path).read_bytes()).hexdigest() != sums[path]:
            problem(f"{folder}/{path}", "is not the script that SHA256SUMS has; a migration is never changed after it has landed")
    for path in sums.keys() - set(found):
        problem(f"{folder}/SHA256SUMS", f"{path} does not exist")
    numbers = {}
    for path in found:
        if match := re.fullmatch(r"(\w+)/(\d{4})_\w+\.sql", path):
            numbers.setdefault(match.group(1), []).append(int(match.group(2)))
    for engine, all_of in numbers.items():
        if sorted(all_of) != list(range(1, len(all_of) + 1)):
            problem(f"{folder}/{engine}", "the numbers of the scripts have a gap, or one occurs twice")


def check_decisions():
    paths = [path for path in files(".md", "docs/decisions") if not path.endswith("README.md")]
    for number, path in enumerate(paths, 1):
        text = read(path)
        if not Path(path).name.startswith(f"{number:04}-"):
            problem(path, f"the file's name should begin with {number:04}-: numbers have no gap and occur once")
        if not text.startswith(f"# {number}. "):
            problem(path, f"should begin with `# {number}. ` and a title")
        if not re.search(r"^- \*\*Date:\*\* \d{4}-\d\d-\d\d$", text, re.M):
            problem(path, "has no line `- **Date:** YYYY-MM-DD`")
        status = re.search(r"^- \*\*Status:\*\* (.+)$", text, re.M)
        superseded = status and re.fullmatch(r"superseded by \[\d+\]\((.+\.md)\)", status.group(1))
        if not status or not (status.group(1) == "accepted" or superseded):
            problem(path, "has no line `- **Status:** accepted` (or `superseded by [N](file)`)")
        if superseded and not (ROOT / "docs/decisions" / superseded.group(1)).is_file():
            problem(path, f"is superseded by {superseded.group(1)}, which does not exist")
        for heading in ("Context", "Decision", "Consequences"):
            if f"\n## {heading}\n" not in text:
                problem(path, f"has no section `## {heading}`")


def check_links():
    """Relative links in the documentation lead to a file, and to a heading of it."""
    pages = ["README.md", "SECURITY.md", "bench/README.md", *files(".md", "docs")]
    for path in pages:
        text = "\n".join(line for _, line in prose(read(path))) + "\n".join(re.findall(r"^\|.*$", read(path), re.M))
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"\w+:", target):
                continue
            name, _, heading = target.partition("#")
            file = (ROOT / path).parent / name if name else ROOT / path
            if not file.exists():
                problem(path, f"the link to {target} leads nowhere")
            elif heading and file.suffix == ".md" and heading not in anchors(file.read_text(encoding="utf-8")):
                problem(path, f"the link to {target} names a heading that is not there")


def anchors(text):
    """The names that GitHub gives to headings."""
    headings = (line.lstrip("#").strip().lower() for _, line in prose(text) if line.startswith("#"))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def main():
    for check in (check_file_length, check_columns, check_crates, check_code_map, check_circles,
                  check_names, check_flags, check_protocol,
                  check_migrations, check_decisions, check_links):
        check()
    for line in problems:
        print(line, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
