"""Finds circles among the modules of a crate: modules that use each other, directly or through others.

It reads the source as text, so macros and methods are not followed. Three uses are no reason for a circle: of a module by
its own submodules; of a type by a file that implements methods of it; and whatever only tests use.
"""

import re

VISIBILITY = r"(?:pub(?:\([\w\s:]+\))?\s+)?"
# Comments, strings and characters.
TEXTS = re.compile(r"//[^\n]*|/\*.*?\*/|b?r(#*)\".*?\"\1|b?\"(?:\\.|[^\"\\])*\"|b?'(?:\\[^\n]{1,10}?|[^\\'])'", re.S)
TESTS = re.compile(r"#\[cfg\((?:test|all\(test[^\]]*)\)\]")
ITEMS = re.compile(rf"^{VISIBILITY}(?:(?:const|unsafe) )*(?:fn|struct|enum|trait|type|const|static|union|macro_rules!) (\w+)"
                   rf"|^\s+{VISIBILITY}static (\w+)", re.M)
USES = re.compile(rf"^\s*({VISIBILITY})use\s+([^;]+);", re.M)
METHODS = re.compile(r"^impl(?:<[^>]*>)? (?:\w+::)*(\w+)(?:<[^>]*>)? \{", re.M)
PATHS = re.compile(r"\b(?:\w+\s*::\s*)+\w+")


class Module:
    def __init__(self, path, parent, folder):
        self.path, self.parent, self.children = path, parent, {}
        self.source = without_tests(TEXTS.sub(lambda text: " " if text[0].startswith("/") else '""', path.read_text()))
        for name in re.findall(rf"^\s*{VISIBILITY}mod (\w+);", self.source, re.M):
            file = folder / f"{name}.rs"
            file = file if file.exists() else folder / name / "mod.rs"
            self.children[name] = Module(file, self, folder / name)
        self.items = {one or other for one, other in ITEMS.findall(self.source)}
        # What `use` brings in, by name; the paths of `use …::*`; the paths of those that are not `pub`.
        self.names, self.globs, self.imports = {}, [], []
        for visibility, tree in USES.findall(self.source):
            for path, name in imported(tree):
                if name:
                    self.names[name] = path
                else:
                    self.globs.append(path)
                if not visibility:
                    self.imports.append(path)

    def all(self):
        yield self
        for child in self.children.values():
            yield from child.all()

    def ancestors(self):
        if self.parent:
            yield self.parent
            yield from self.parent.ancestors()

    def find(self, path, seen=()):
        """The module that defines what `path` means here; None if another crate does."""
        match path:
            case []:
                return self
            case ["crate", *rest]:
                return [self, *self.ancestors()][-1].find(rest, seen)
            case ["self", *rest]:
                return self.find(rest, seen)
            case ["super", *rest]:
                return self.parent and self.parent.find(rest, seen)
            case [name, *rest] if name in self.children:
                return self.children[name].find(rest, seen)
            case [name, *_] if name in self.items:
                return self
        # A name may stand for a path that begins with itself (`use wire::wire`), or for one of another crate.
        if (self, path[0]) in seen:
            return None
        seen = (*seen, (self, path[0]))
        if path[0] in self.names:
            return self.find(self.names[path[0]] + path[1:], seen)
        found = (self.find(glob + path, seen) for glob in self.globs)
        return next((module for module in found if module), None)

    def uses(self):
        """The modules that this one uses, each with the paths that show it."""
        own, found = set(METHODS.findall(self.source)), {}
        paths = (re.split(r"\s*::\s*", path) for path in PATHS.findall(USES.sub("", self.source)))
        for path in (*self.imports, *paths):
            module = self.find(path)
            if module not in (None, self, *self.ancestors()) and path[-1] not in own:
                found.setdefault(module, set()).add("::".join(path))
        return found


def without_tests(source):
    """Without the items under `#[cfg(test)]`."""
    while found := TESTS.search(source):
        at, depth = found.end(), 0
        while depth or source[at] not in ";,}":
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(source[at], 0)
            if depth == 0 and source[at] == "}":
                break
            at += 1
        source = source[:found.start()] + source[at + 1:]
    return source


def imported(tree, before=()):
    """What a `use` brings in: the path and the name of each; no name for `*`."""
    group = re.fullmatch(r"\s*((?:\w+\s*::\s*)*)\{(.*)\}\s*", tree, re.S)
    if group:
        before = (*before, *re.findall(r"\w+", group[1]))
        for part in re.findall(r"(?:[^,{}]|\{(?:[^{}]|\{[^{}]*\})*\})+", group[2]):
            if part.strip():
                yield from imported(part, before)
        return
    path, _, alias = tree.strip().partition(" as ")
    path = [*before, *re.findall(r"\w+|\*", path)]
    if path[-1] == "*":
        yield path[:-1], None
    else:
        path = path[:-1] if path[-1] == "self" else path
        yield path, alias or path[-1]


def circles(root):
    """The circles of the crate with this `lib.rs` or `main.rs`: each as its uses, (module, module, paths)."""
    uses = {module: module.uses() for module in Module(root, None, root.parent).all()}
    reached = {module: reachable(module, uses) for module in uses}
    together = {frozenset(other for other in reached[module] if module in reached[other]) for module in uses}
    for circle in sorted(filter(None, together), key=lambda circle: min(str(module.path) for module in circle)):
        yield [(one, other, paths) for one in circle for other, paths in uses[one].items() if other in circle]


def reachable(module, uses):
    found, waiting = set(), [module]
    while waiting:
        new = uses[waiting.pop()].keys() - found
        found |= new
        waiting.extend(new)
    return found
