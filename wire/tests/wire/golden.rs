//! Reading what is checked in, and keeping it current.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

use jsonschema::Validator;
use serde_json::{Value, json};

/// The golden frames of a side, `client` or `server`, by the names of their files.
pub fn frames(side: &str) -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(side);
    let entries = fs::read_dir(folder).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).unwrap().trim_end().to_owned())
    });
    entries.collect()
}

/// Judges frames of a side by the schema.
pub fn validator(side: &str) -> Validator {
    let mut schema = wire::schema();
    schema["$ref"] = json!(format!("#/$defs/{side}"));
    jsonschema::validator_for(&schema).unwrap()
}

/// The `type` of every frame of a side.
pub fn kinds(side: &str) -> Vec<String> {
    let schema = wire::schema();
    let refs = schema["$defs"][side]["oneOf"].as_array().unwrap();
    let kind = |it: &Value| {
        let name = it["$ref"].as_str().unwrap().strip_prefix("#/$defs/").unwrap();
        name.strip_prefix(&format!("{side}.")).unwrap().to_owned()
    };
    refs.iter().map(kind).collect()
}

/// A file of docs.
pub fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

/// Holds a file that is made from the types against them; with `UPDATE_GOLDEN` it is made anew.
pub fn is_current(name: &str, value: &Value) {
    let now = format!("{value:#}\n");
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(document(name), &now).unwrap();
    }
    let kept = fs::read_to_string(document(name)).unwrap_or_default();
    assert!(kept == now, "docs/{name} is out of date: run UPDATE_GOLDEN=1 cargo test -p wire");
}
