//! What a fleet of servers needs for so many people, computed from measured constants:
//!
//!     cargo run -p bench --example fleet
//!
//! docs/SCALING.md has its output, and says what it means. `cargo test -p bench --example fleet` compares the two.

mod constants;
mod model;

use std::fmt::Write as _;

use constants::{ALL, Constant};
use model::Fleet;

/// For how many people.
const PEOPLE: [f64; 3] = [1e4, 1e6, 1e8];

#[expect(clippy::print_stdout, reason = "a program that people run")]
fn main() {
    println!("{}\n{}", constants_table(), fleet_table());
}

/// A number with three digits that count, as people write it.
fn written(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = 2 - value.abs().log10().floor() as i32;
    let rounded = format!("{:.*}", usize::try_from(digits).unwrap_or(0), {
        let scale = 10_f64.powi(digits);
        (value * scale).round() / scale
    });
    let (whole, part) = rounded.split_once('.').unwrap_or((&rounded, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let part = part.trim_end_matches('0');
    if part.is_empty() { grouped } else { format!("{grouped}.{part}") }
}

fn constants_table() -> String {
    let mut out = "| constant | value | source |\n| --- | --- | --- |\n".to_owned();
    for Constant { value, what, source } in ALL {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(out, "| {what} | {} | {source} |", written(value));
    }
    out
}

fn fleet_table() -> String {
    let fleets = PEOPLE.map(Fleet::of);
    let head: Vec<_> = PEOPLE.map(|people| format!("{} people", written(people))).into();
    let mut out = format!("| | {} |\n| --- | --- | --- | --- |\n", head.join(" | "));
    for (name, figure) in Fleet::FIGURES {
        let cells: Vec<_> = fleets.iter().map(|fleet| written(figure(fleet))).collect();
        let _ = writeln!(out, "| {name} | {} |", cells.join(" | "));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_do() {
        let written = [0.0, 1.0, 1234.0, 3e7, 0.0000957, 12.0, 0.4999].map(written);
        assert_eq!(written, ["0", "1", "1,230", "30,000,000", "0.0000957", "12", "0.5"]);
    }

    #[test]
    fn the_page_about_scaling_has_these_tables() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/SCALING.md");
        let page = std::fs::read_to_string(page).unwrap();
        for table in [constants_table(), fleet_table()] {
            assert!(page.contains(&table), "docs/SCALING.md lacks:\n{table}");
        }
    }
}
