//! Writes an event as one line.

use std::fmt::{self, Debug};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::{CONTEXT, Format};

/// Writes events in this format.
pub(super) struct Line(pub(super) Format);

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        CONTEXT.with_borrow(|context| {
            fields
                .rest
                .extend(context.iter().map(|(key, value)| (*key, Value::from(value.as_str()))));
        });
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        match self.0 {
            Format::Text => text(out, &time, event, &fields),
            Format::Json => json(out, time, event, fields),
        }
    }
}

fn text(mut out: Writer<'_>, time: &str, event: &Event<'_>, fields: &Fields) -> fmt::Result {
    let (level, target) = (event.metadata().level(), event.metadata().target());
    if out.has_ansi_escapes() {
        write!(
            out,
            "\x1b[2m{time}\x1b[0m {}{level:>5}\x1b[0m \x1b[2m{target}:\x1b[0m ",
            colour(*level)
        )?;
    } else {
        write!(out, "{time} {level:>5} {target}: ")?;
    }
    harmless(&mut out, &fields.message)?;
    for (key, value) in &fields.rest {
        match value {
            Value::String(text) => {
                write!(out, " {key}=")?;
                harmless(&mut out, text)?;
            }
            value => write!(out, " {key}={value}")?,
        }
    }
    writeln!(out)
}

fn json(mut out: Writer<'_>, time: String, event: &Event<'_>, fields: Fields) -> fmt::Result {
    let mut line = Map::new();
    line.insert("timestamp".to_owned(), time.into());
    line.insert("level".to_owned(), event.metadata().level().as_str().into());
    line.insert("target".to_owned(), event.metadata().target().into());
    line.insert("message".to_owned(), fields.message.into());
    line.extend(fields.rest.into_iter().map(|(key, value)| (key.to_owned(), value)));
    writeln!(out, "{}", Value::Object(line))
}

/// Writes text without control characters, so that it cannot end the line or move the cursor of a terminal.
fn harmless(out: &mut Writer<'_>, text: &str) -> fmt::Result {
    text.chars().try_for_each(|c| match c.is_control() {
        true => write!(out, "{}", c.escape_default()),
        false => out.write_char(c),
    })
}

fn colour(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[34m",
    }
}

/// The fields of an event.
#[derive(Default)]
struct Fields {
    message: String,
    rest: Vec<(&'static str, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        self.rest.push((field.name(), value.into()));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            _ => self.add(field, format!("{value:?}")),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message = value.to_owned(),
            _ => self.add(field, value),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }
}
