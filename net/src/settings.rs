//! The settings of a program as data, from which the NixOS module generates its options.

use std::any::TypeId;
use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Arg, Command};
use serde_json::{Map, Value, json};

/// Every setting with an environment variable, by the name of that variable. Hidden settings are old names, and are left out.
pub fn of(command: &Command) -> Value {
    let settings = command.get_arguments().filter(|arg| !arg.is_hide_set()).filter_map(|arg| {
        let variable = arg.get_env()?.to_str()?;
        Some((variable.to_owned(), setting(arg)))
    });
    Value::Object(settings.collect())
}

fn setting(arg: &Arg) -> Value {
    let values: Vec<_> =
        arg.get_possible_values().iter().map(PossibleValue::get_name).map(str::to_owned).collect();
    let mut setting = Map::new();
    setting.insert("flag".into(), json!(arg.get_long().map(|flag| format!("--{flag}"))));
    setting.insert("help".into(), json!(arg.get_help().map(ToString::to_string)));
    setting.insert("type".into(), json!(type_of(arg, &values)));
    setting.insert("list".into(), json!(arg.get_value_delimiter().is_some()));
    if let [default] = arg.get_default_values() {
        setting.insert("default".into(), json!(default.to_string_lossy()));
    }
    if !values.is_empty() {
        setting.insert("values".into(), json!(values));
    }
    Value::Object(setting)
}

fn type_of(arg: &Arg, values: &[String]) -> &'static str {
    let parsed = arg.get_value_parser().type_id();
    let is = |types: &[TypeId]| types.iter().any(|it| parsed == *it);
    if is(&[TypeId::of::<bool>()]) {
        "boolean"
    } else if !values.is_empty() {
        "enum"
    } else if is(&[
        TypeId::of::<u16>(),
        TypeId::of::<u32>(),
        TypeId::of::<u64>(),
        TypeId::of::<usize>(),
    ]) {
        "unsigned"
    } else if is(&[TypeId::of::<i32>(), TypeId::of::<i64>()]) {
        "integer"
    } else if is(&[TypeId::of::<PathBuf>()]) {
        "path"
    } else {
        "string"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Network;
    use telemetry::log::Format;

    #[test]
    fn types_defaults_and_values_are_those_of_the_flags() {
        #[derive(clap::Parser)]
        struct Program {
            /// How it looks
            #[arg(long, env = "A_FORMAT", value_enum, default_value_t)]
            format: Format,
            #[arg(long, env = "A_COUNT", default_value_t = 5)]
            count: u32,
            #[arg(long, env = "A_RANGE", value_parser = clap::value_parser!(i64).range(1..))]
            range: Option<i64>,
            #[arg(long, env = "A_FILE")]
            file: Option<PathBuf>,
            #[arg(long, env = "SOME_NETWORKS", value_delimiter = ',')]
            networks: Vec<Network>,
            #[arg(long, env = "AN_OLD_NAME", hide = true)]
            old: Option<String>,
            #[arg(long)]
            without_a_variable: bool,
        }
        let settings = of(&<Program as clap::CommandFactory>::command());
        let expected = json!({
            "A_FORMAT": {
                "flag": "--format", "help": "How it looks", "type": "enum", "list": false, "default": "text",
                "values": ["text", "json"],
            },
            "A_COUNT": {"flag": "--count", "help": null, "type": "unsigned", "list": false, "default": "5"},
            "A_RANGE": {"flag": "--range", "help": null, "type": "integer", "list": false},
            "A_FILE": {"flag": "--file", "help": null, "type": "path", "list": false},
            "SOME_NETWORKS": {"flag": "--networks", "help": null, "type": "string", "list": true},
        });
        assert_eq!(settings, expected);
    }
}
