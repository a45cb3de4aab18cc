//! Joins modules, so that a browser gets all of them in one answer: on a slow network each further request costs more
//! than all the code. Each module becomes a function that runs when its exports are first used.
//!
//! It reads modules line by line. What it cannot read fails the build.

use std::io;

/// Where the joined modules are registered, under names that no module uses. `$use` runs a module once; `$later` first loads
/// the file that has it, under another address after a failure, because a browser may remember that one.
const REGISTRY: &str = r#""use strict";
const $makers = {};
const $made = {};
const $use = (path) => ($made[path] ??= $makers[path]());
const $main = { at: "MAIN", tries: 0 };
const $rest = { at: "LATER", tries: 0 };
const $load = (file) => (file.loading ??= import(file.tries ? `${file.at}?${file.tries}` : file.at).then(
({ default: add }) => add($makers, $use, $later),
(error) => {
file.loading = undefined;
file.tries++;
throw error;
},
));
const $later = async (path) => {
await Promise.all((path === "main.js" ? [$main] : [$main, $rest]).map($load));
return $use(path);
};
$load($main).catch(() => {});
"#;

/// A module of the client.
pub struct Module<'a> {
    /// Below `web/`, with slashes.
    pub path: &'a str,
    /// Its text, without comments.
    pub text: &'a str,
}

/// The script of the page: these modules, and the start of `first`. The addresses are those of the other files: what is
/// loaded at once, and what is loaded when it is needed.
pub fn script(modules: &[&Module<'_>], first: &str, main: &str, later: &str) -> io::Result<String> {
    let registry = REGISTRY.replace("MAIN", main).replace("LATER", later);
    Ok(format!("{registry}{}$use({first:?});\n", makers(modules)?))
}

/// Another file with modules.
pub fn file(modules: &[&Module<'_>]) -> io::Result<String> {
    Ok(format!("export default ($makers, $use, $later) => {{\n{}}};\n", makers(modules)?))
}

fn makers(modules: &[&Module<'_>]) -> io::Result<String> {
    modules.iter().map(|module| maker(module)).collect()
}

/// The paths of the modules that this one imports at its start.
pub fn imports(module: &Module<'_>) -> io::Result<Vec<String>> {
    let statements = Statements::of(module).filter(|statement| statement.starts_with("import "));
    statements.map(|statement| Ok(import(module, &statement)?.1)).collect()
}

fn maker(module: &Module<'_>) -> io::Result<String> {
    let mut body = String::new();
    let mut exports = Vec::new();
    for statement in Statements::of(module) {
        if statement.starts_with("import ") {
            let (names, from) = import(module, &statement)?;
            body.push_str(&format!(
                "const {{{}}} = $use({from:?});\n",
                names.replace(" as ", ": ")
            ));
            continue;
        }
        let line = match statement.strip_prefix("export ") {
            Some(declaration) => {
                let name = declared(declaration).ok_or_else(|| unclear(module, &statement))?;
                exports.push(name.to_owned());
                declaration
            }
            None => &statement,
        };
        body.push_str(&with_later(module, line)?);
        body.push('\n');
    }
    let (path, exports) = (module.path, exports.join(", "));
    Ok(format!("$makers[{path:?}] = () => {{\n{body}return {{{exports}}};\n}};\n"))
}

/// The lines of a module; an import that goes over several lines is one of them.
struct Statements<'a> {
    lines: std::str::Lines<'a>,
}

impl<'a> Statements<'a> {
    fn of(module: &Module<'a>) -> Self {
        Self { lines: module.text.lines() }
    }
}

impl Iterator for Statements<'_> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut statement = self.lines.next()?.to_owned();
        while statement.starts_with("import ") && !statement.ends_with(';') {
            statement.push_str(self.lines.next()?);
        }
        Some(statement)
    }
}

/// The names of `import { names } from "path";`, and the path below `web/`.
fn import(module: &Module<'_>, statement: &str) -> io::Result<(String, String)> {
    let parts = statement
        .strip_prefix("import {")
        .and_then(|rest| rest.strip_suffix("\";"))
        .and_then(|rest| rest.split_once("} from \""));
    let (names, from) = parts.ok_or_else(|| unclear(module, statement))?;
    let names = names.trim().trim_end_matches(',').to_owned();
    Ok((names, resolved(module, from)?))
}

/// The name that `const name = …`, `function name(…` or `class name …` declares.
fn declared(declaration: &str) -> Option<&str> {
    let declaration = declaration.strip_prefix("async ").unwrap_or(declaration);
    let kinds = ["const ", "function ", "class "];
    let rest = kinds.iter().find_map(|kind| declaration.strip_prefix(kind))?;
    let is_of_name = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '$';
    let end = rest.find(|char| !is_of_name(char)).unwrap_or(rest.len());
    rest.get(..end).filter(|name| !name.is_empty())
}

/// A line with `$later("path")` in place of `import("./path")`.
fn with_later(module: &Module<'_>, line: &str) -> io::Result<String> {
    let is_taken = ["$use", "$later", "$made", "$makers", "import.meta"];
    if is_taken.iter().any(|word| line.contains(word))
        || line.contains("</script")
        || line.contains("<!--")
    {
        return Err(unclear(module, line));
    }
    let mut parts = line.split("import(\"");
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (from, rest) = part.split_once("\")").ok_or_else(|| unclear(module, line))?;
        whole.push_str(&format!("$later({:?}){rest}", resolved(module, from)?));
    }
    Ok(whole)
}

/// The path below `web/` of what a module imports as `./file` or `../folder/file`.
fn resolved(module: &Module<'_>, from: &str) -> io::Result<String> {
    let mut folders: Vec<&str> = module.path.split('/').collect();
    folders.pop();
    for part in from.split('/') {
        match part {
            "." => {}
            ".." => drop(folders.pop().ok_or_else(|| unclear(module, from))?),
            name => folders.push(name),
        }
    }
    if from.starts_with('.') { Ok(folders.join("/")) } else { Err(unclear(module, from)) }
}

fn unclear(module: &Module<'_>, what: &str) -> io::Error {
    io::Error::other(format!("web/{}: modules with this cannot be joined: {what}", module.path))
}
