//! Makes the table of `src/asset.rs` of the files in `../web`: chosen, stripped of comments, styles and modules joined, with
//! the build hash put in, compressed. `web/test/serve.mjs` does the same in development, without joining and compressing.

mod join;
mod page;

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use data_encoding::BASE64;
use sha2::{Digest, Sha256};

/// The endings of the files that are served, with their types.
const TYPES: [(&str, &str); 6] = [
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("json", "application/json"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
];
/// Folders and files that only development needs.
const HIDDEN: [&str; 3] = ["test", "node_modules", "jsconfig.json"];
/// The files with an address that does not change, and with the placeholder.
const ENTRIES: [&str; 3] = ["index.html", "manifest.json", "sw.js"];
/// The placeholder for the build hash.
const PLACEHOLDER: &str = "BUILDHASH";
/// Digits of the build hash.
const HASH_DIGITS: usize = 16;
/// What is compressed by its own format.
const PACKED: &str = "image/png";

struct Source {
    /// Below `web/`, with slashes.
    path: String,
    content_type: &'static str,
    bytes: Vec<u8>,
}

fn main() -> io::Result<()> {
    let folder = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../web");
    let out = variable("OUT_DIR")?;
    let mut sources = Vec::new();
    collect(&folder, "", &mut sources)?;
    sources.sort_by(|one, other| one.path.cmp(&other.path));
    let (sources, style, script) = joined(sources)?;
    let hash = build_hash(&sources);
    let mut table = String::new();
    for (number, source) in sources.into_iter().enumerate() {
        let row = row(number, source, &hash, Path::new(&out))?;
        table.push_str(&row);
    }
    let rust = format!(
        "/// The build hash.\npub const BUILD: &str = {hash:?};\n\
         /// The hash of the page's style, as the security policy wants it.\n\
         pub const STYLE_HASH: &str = {:?};\n\
         /// The hash of the page's script.\n\
         pub const SCRIPT_HASH: &str = {:?};\n\
         /// All files, in the order of their paths.\n\
         pub static ASSETS: &[Asset] = &[\n{table}];\n",
        policy_hash(&style, &hash),
        policy_hash(&script, &hash),
    );
    fs::write(Path::new(&out).join("assets.rs"), rust)
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(io::Error::other)
}

/// Reads the files that are served. Cargo is told to look at each file and each folder below `web/`, but not at `web/`
/// itself, which contains the tests: a new module is imported by another one, so it is not missed.
fn collect(folder: &Path, prefix: &str, found: &mut Vec<Source>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry
            .file_name()
            .into_string()
            .map_err(|_| io::Error::other("a name that is not text"))?;
        let path = format!("{prefix}{name}");
        if HIDDEN.contains(&path.as_str()) || name.starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            println!("cargo::rerun-if-changed={}", entry.path().display());
            collect(&entry.path(), &format!("{path}/"), found)?;
        } else if let Some(content_type) = content_type(&name) {
            println!("cargo::rerun-if-changed={}", entry.path().display());
            let bytes = stripped(&name, fs::read(entry.path())?)?;
            found.push(Source { path, content_type, bytes });
        }
    }
    Ok(())
}

/// The type of a file; nothing if it is not served.
fn content_type(name: &str) -> Option<&'static str> {
    if name.ends_with(".config.js") {
        return None;
    }
    let (_, ending) = name.rsplit_once('.')?;
    TYPES.iter().find(|(known, _)| *known == ending).map(|(_, content_type)| *content_type)
}

/// A module or a style without lines that are only comment, and without blanks at the beginning of lines. Line by line: a
/// lint of `web/` makes sure that no text of these files goes over several lines.
fn stripped(name: &str, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    if !name.ends_with(".js") && !name.ends_with(".css") {
        return Ok(bytes);
    }
    let text = text(bytes)?;
    let mut kept = Vec::new();
    let mut is_comment = false;
    for line in text.split('\n').map(str::trim_start) {
        if is_comment {
            is_comment = !line.ends_with("*/");
        } else if line.starts_with("/*") && !line.contains("*/") {
            is_comment = true;
        } else if line.starts_with("/*") && line.find("*/") == Some(line.len() - 2) {
            // A comment of one line.
        } else if !line.starts_with("//") {
            kept.push(line);
        }
    }
    Ok(kept.join("\n").into_bytes())
}

/// What is served: styles and modules are joined. Besides, what the page has as its style and its script.
fn joined(sources: Vec<Source>) -> io::Result<(Vec<Source>, String, String)> {
    let is_joined =
        |path: &str| path.ends_with(".css") || (path.ends_with(".js") && path != "sw.js");
    let mut texts = BTreeMap::new();
    let mut served = Vec::new();
    for source in sources {
        if is_joined(&source.path) {
            texts.insert(source.path, text(source.bytes)?);
        } else {
            served.push(source);
        }
    }
    let page = served.iter_mut().find(|source| source.path == "index.html");
    let page = page.ok_or_else(|| io::Error::other("web/ has no index.html"))?;
    let joined = page::joined(&text(page.bytes.clone())?, &texts)?;
    page.bytes = joined.page.into_bytes();
    for (name, text) in joined.files {
        let bytes = text.into_bytes();
        served.push(Source { path: name.to_owned(), content_type: TYPES[0].1, bytes });
    }
    Ok((served, joined.style, joined.script))
}

fn text(bytes: Vec<u8>) -> io::Result<String> {
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// `sha256-…` of a text whose placeholder is still to be replaced.
fn policy_hash(text: &str, hash: &str) -> String {
    format!("sha256-{}", BASE64.encode(&Sha256::digest(text.replace(PLACEHOLDER, hash))))
}

/// Of all files as they are served, but for the placeholder: whatever changes has another address.
fn build_hash(sources: &[Source]) -> String {
    let mut hash = Sha256::new();
    for source in sources {
        for part in [source.path.as_bytes(), b"\0", &source.bytes, b"\0"] {
            hash.update(part);
        }
    }
    let mut digits = String::new();
    for byte in hash.finalize() {
        // Writing to a String cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits.truncate(HASH_DIGITS);
    digits
}

/// Writes the file's bytes into `out`, and its row of the table.
fn row(number: usize, source: Source, hash: &str, out: &Path) -> io::Result<String> {
    let Source { path, content_type, mut bytes } = source;
    let is_entry = ENTRIES.contains(&path.as_str());
    let address = match path.as_str() {
        "index.html" => "/".to_owned(),
        _ if is_entry => format!("/{path}"),
        _ => format!("/web/{hash}/{path}"),
    };
    if is_entry {
        bytes = text(bytes)?.replace(PLACEHOLDER, hash).into_bytes();
    }
    let include = |ending: &str, bytes: &[u8]| {
        let file = out.join(format!("{number}{ending}"));
        fs::write(&file, bytes)?;
        Ok::<_, io::Error>(format!("include_bytes!({file:?})"))
    };
    let shorter = |ending: &str, packed: &[u8]| {
        if content_type == PACKED || packed.len() >= bytes.len() {
            return Ok::<_, io::Error>("None".to_owned());
        }
        Ok(format!("Some({})", include(ending, packed)?))
    };
    let identity = include("", &bytes)?;
    let gzip = shorter(".gz", &gzip(&bytes)?)?;
    let brotli = shorter(".br", &brotli(&bytes)?)?;
    Ok(format!(
        "    Asset {{\n        path: {address:?},\n        content_type: {content_type:?},\n        \
         identity: {identity},\n        gzip: {gzip},\n        brotli: {brotli},\n        \
         is_immutable: {},\n    }},\n",
        !is_entry
    ))
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

fn brotli(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut packed = Vec::new();
    brotli::BrotliCompress(
        &mut &*bytes,
        &mut packed,
        &brotli::enc::BrotliEncoderParams::default(),
    )?;
    Ok(packed)
}
