//! The page with its styles and its first modules in it, and the files with the other modules.

use std::collections::BTreeMap;
use std::io;

use crate::join::{self, Module};

/// The module that shows the first page, and the one that does everything else.
const BOOT: &str = "boot.js";
const MAIN: &str = "main.js";
/// The service worker, which is a program of its own.
const WORKER: &str = "sw.js";
/// The file with what is loaded when it is needed.
const LATER: &str = "later.js";
/// Where the files of the client are, with the placeholder.
const BELOW: &str = "/web/BUILDHASH/";

/// What the page and its files are joined to. All texts have the placeholder in them.
pub struct Joined {
    pub page: String,
    /// The other files, with their names.
    pub files: [(&'static str, String); 2],
    /// What is in the page's `style` element and in its `script` element.
    pub style: String,
    pub script: String,
}

/// `html` is the page as it is in `web/`, which names styles and modules; `texts` are those, by their paths.
pub fn joined(html: &str, texts: &BTreeMap<String, String>) -> io::Result<Joined> {
    let is_module = |path: &str| path.ends_with(".js") && path != WORKER;
    let modules: Vec<_> = texts
        .iter()
        .filter(|(path, _)| is_module(path))
        .map(|(path, text)| Module { path, text })
        .collect();
    let mut there = Vec::new();
    need(BOOT, &modules, &mut there)?;
    let first = there.clone();
    need(MAIN, &modules, &mut there)?;
    let is_in =
        |paths: &[String], module: &Module<'_>| paths.iter().any(|path| path == module.path);
    let (now, rest): (Vec<_>, Vec<_>) = modules.iter().partition(|module| is_in(&there, module));
    let (first, main): (Vec<_>, Vec<_>) = now.into_iter().partition(|module| is_in(&first, module));
    let [main_at, later_at] = [MAIN, LATER].map(|name| format!("{BELOW}{name}"));
    let script = join::script(&first, BOOT, &main_at, &later_at)?;

    let is_style = |line: &&str| line.contains("rel=\"stylesheet\"");
    let styles: Vec<_> =
        html.lines().filter(is_style).map(|line| named(line, texts)).collect::<io::Result<_>>()?;
    let style = styles.join("\n");
    let mut page = String::new();
    for line in html.lines().map(str::trim_start) {
        if line.contains("<script ") {
            page.push_str(&format!("<script>{script}</script>\n"));
        } else if line == "</head>" {
            page.push_str(&format!("<style>{style}</style>\n{line}\n"));
        } else if !is_style(&line) {
            page.push_str(line);
            page.push('\n');
        }
    }
    let files = [(MAIN, join::file(&main)?), (LATER, join::file(&rest)?)];
    Ok(Joined { page, files, style, script })
}

/// The text of the file that a line of the page names.
fn named<'a>(line: &str, texts: &'a BTreeMap<String, String>) -> io::Result<&'a str> {
    let path = line.split('"').find_map(|part| part.strip_prefix(BELOW));
    let text = path.and_then(|path| texts.get(path));
    text.map(String::as_str).ok_or_else(|| missing(line))
}

/// Adds a module and all that it imports at its start.
fn need(path: &str, modules: &[Module<'_>], there: &mut Vec<String>) -> io::Result<()> {
    if there.iter().any(|known| known == path) {
        return Ok(());
    }
    there.push(path.to_owned());
    let module = modules.iter().find(|module| module.path == path).ok_or_else(|| missing(path))?;
    for path in join::imports(module)? {
        need(&path, modules, there)?;
    }
    Ok(())
}

fn missing(what: &str) -> io::Error {
    io::Error::other(format!("web/ has no such file: {what}"))
}
