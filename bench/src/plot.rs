//! The table's main figures as bars, in SVG.

use std::fmt::Write as _;

use crate::report::{Report, Row};

/// Pixels.
const WIDTH: f64 = 860.0;
const LABEL: f64 = 330.0;
const BAR: f64 = 16.0;
const GAP: f64 = 6.0;
const TITLE: f64 = 40.0;

/// What a load is judged by, in the order in which it is looked for: the figure and what it is called.
const FIGURES: [(&str, &str); 7] = [
    ("cpu_per_million", "CPU seconds of the server for a million messages"),
    ("resident_bytes", "resident bytes a connection"),
    ("cpu_ms_per_login", "CPU milliseconds of the server for a connection"),
    ("stored_per_second", "messages a second"),
    ("logins_per_second", "a second"),
    ("hellos_per_second", "a second"),
    ("milliseconds", "milliseconds"),
];

/// A chart a load, the median as a bar and the spread as a line.
pub(crate) fn draw(report: &Report) -> String {
    let mut loads: Vec<&str> = report.rows.iter().map(|row| row.load.as_str()).collect();
    loads.dedup();
    let (mut body, mut y) = (String::new(), 10.0);
    for load in loads {
        let rows: Vec<&Row> = report.rows.iter().filter(|row| row.load == load).collect();
        let figure = FIGURES
            .iter()
            .find(|(name, _)| rows.iter().filter(|row| row.spread(name).is_some()).count() > 1);
        let Some((name, meaning)) = figure else { continue };
        chart(&mut body, &mut y, &format!("{load}: {meaning}"), name, &rows);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{y}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n"
    )
}

fn chart(body: &mut String, y: &mut f64, title: &str, name: &str, rows: &[&Row]) {
    let all = rows.iter().filter_map(|row| Some((*row, row.spread(name)?)));
    let all: Vec<_> = all.collect();
    let most = all.iter().map(|(_, spread)| spread.highest).fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - LABEL - 90.0) / most;
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(
        body,
        "<text x=\"10\" y=\"{}\" font-weight=\"bold\">{}</text>",
        *y + TITLE / 2.0,
        escape(title)
    );
    *y += TITLE - 10.0;
    for (row, spread) in all {
        let colour = if row.target.starts_with("messenger") { "#2a6fbb" } else { "#9aa5b1" };
        let (middle, end) = (*y + BAR / 2.0, LABEL + spread.median * scale);
        let _ = writeln!(
            body,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LABEL}\" y=\"{y}\" width=\"{:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>\
             <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle}\" y2=\"{middle}\" stroke=\"#222\"/>\
             <text x=\"{:.1}\" y=\"{}\">{}</text>",
            LABEL - 8.0,
            middle + 4.5,
            escape(&row.target),
            end - LABEL,
            LABEL + spread.lowest * scale,
            LABEL + spread.highest * scale,
            LABEL + spread.highest * scale + 6.0,
            middle + 4.5,
            crate::report::figure(spread.median),
        );
        *y += BAR + GAP;
    }
    *y += 14.0;
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
