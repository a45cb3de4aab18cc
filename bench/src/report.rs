//! What was measured, as a table.

use std::fmt::Write as _;

use crate::load::Figures;

/// One row: a server under a load, and what each round said.
pub(crate) struct Row {
    pub(crate) load: String,
    pub(crate) target: String,
    pub(crate) rounds: Vec<Figures>,
}

pub(crate) struct Report {
    pub(crate) machine: String,
    pub(crate) rows: Vec<Row>,
    /// What was left out, and why.
    pub(crate) notes: Vec<String>,
    /// Bounds that were passed.
    pub(crate) failures: Vec<String>,
}

/// The middle of some numbers, and their ends.
#[derive(Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

impl Row {
    /// Over the rounds; nothing if none has this figure.
    pub(crate) fn spread(&self, name: &str) -> Option<Spread> {
        let mut all: Vec<f64> =
            self.rounds.iter().filter_map(|round| round.get(name).copied()).collect();
        all.sort_unstable_by(f64::total_cmp);
        let (lowest, highest) = (*all.first()?, *all.last()?);
        let half = all.len() / 2;
        let median = if all.len() % 2 == 1 { all[half] } else { (all[half - 1] + all[half]) / 2.0 };
        Some(Spread { median, lowest, highest })
    }
}

impl Report {
    pub(crate) fn new(machine: String) -> Self {
        Self { machine, rows: Vec::new(), notes: Vec::new(), failures: Vec::new() }
    }

    pub(crate) fn add(&mut self, load: &str, target: &str, figures: Figures) {
        let found = self.rows.iter_mut().find(|row| row.load == load && row.target == target);
        match found {
            Some(row) => row.rounds.push(figures),
            None => {
                let (load, target) = (load.to_owned(), target.to_owned());
                // Beside the others of its load.
                let last = self.rows.iter().rposition(|row| row.load == load);
                let at = last.map_or(self.rows.len(), |last| last + 1);
                self.rows.insert(at, Row { load, target, rounds: vec![figures] });
            }
        }
    }

    /// All of it in Markdown: a table a load, medians with their lowest and highest.
    pub(crate) fn table(&self) -> String {
        let mut out = format!("{}\n", self.machine);
        let mut loads: Vec<&str> = self.rows.iter().map(|row| row.load.as_str()).collect();
        loads.dedup();
        for load in loads {
            let rows: Vec<&Row> = self.rows.iter().filter(|row| row.load == load).collect();
            let mut names: Vec<&str> = rows
                .iter()
                .flat_map(|row| row.rounds.iter().flat_map(|it| it.keys().copied()))
                .collect();
            names.sort_unstable();
            names.dedup();
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(out, "\n**{load}**\n\n| | {} | rounds |", names.join(" | "));
            let _ = writeln!(out, "|---{}|", "|---".repeat(names.len() + 1));
            for row in rows {
                let cells: Vec<String> = names
                    .iter()
                    .map(|name| row.spread(name).map_or("–".to_owned(), cell))
                    .collect();
                let _ = writeln!(
                    out,
                    "| {} | {} | {} |",
                    row.target,
                    cells.join(" | "),
                    row.rounds.len()
                );
            }
        }
        for note in &self.notes {
            let _ = writeln!(out, "\n{note}");
        }
        out
    }
}

fn cell(spread: Spread) -> String {
    let Spread { median, lowest, highest } = spread;
    match lowest == highest {
        true => figure(median),
        false => format!("{} [{}..{}]", figure(median), figure(lowest), figure(highest)),
    }
}

/// Three digits that count, and groups of three.
pub(crate) fn figure(number: f64) -> String {
    match number.abs() {
        size if size >= 1000.0 => {
            let digits = format!("{:.0}", number.abs());
            let mut text = if number < 0.0 { "-".to_owned() } else { String::new() };
            for (at, digit) in digits.chars().enumerate() {
                if at > 0 && (digits.len() - at).is_multiple_of(3) {
                    text.push(',');
                }
                text.push(digit);
            }
            text
        }
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

/// Writes a line for the person who runs the benchmark.
#[expect(clippy::print_stdout, reason = "a program that people run")]
pub(crate) fn print(text: &str) {
    println!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_and_their_ends() {
        let mut report = Report::new("here".to_owned());
        for figure in [3.0, 1.0, 12_345.0] {
            report.add("load", "one", Figures::from([("x", figure)]));
        }
        report.add("load", "other", Figures::from([("y", 0.25)]));
        let table = report.table();
        assert!(table.contains("| one | 3.00 [1.00..12,345] | – | 3 |"), "{table}");
        assert!(table.contains("| other | – | 0.250 | 1 |"), "{table}");
    }
}
