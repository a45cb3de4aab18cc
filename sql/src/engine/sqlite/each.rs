//! A statement for many rows, as SQLite runs it: once for each.

use super::super::{Cell, ForEach, Row, Type, Value, with_words};

pub(super) struct Each {
    pub(super) text: String,
    /// How many of the columns it has: the schema makes the words of a text itself.
    pub(super) parameters: usize,
    /// What each row that is changed is answered with, where that is known without asking for it.
    pub(super) returned: Option<Vec<Returned>>,
}

/// A column of `returning`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Returned {
    /// The parameter at this place.
    Parameter(usize),
    /// The number of the new row.
    Id,
}

impl Each {
    /// SQLite makes a table in memory for what `returning` gives and for what is looked for by `in (select …)`, anew for each
    /// row, which takes as long as the rest of a small statement. Neither is needed: the rows looked for are one, and what is
    /// returned is one of its columns or the new row's `id`.
    pub(super) fn new(each: &ForEach) -> Self {
        let without_words = with_words(each.sql, false);
        let is_given = |(_, kind): &&(&str, Type)| !matches!(kind, Type::Words);
        let parameters = each.columns.iter().take_while(is_given).count();
        let known = without_words.split_once(" returning ").and_then(|(sql, columns)| {
            let returned = columns.split(", ").map(|column| returned(each, column));
            Some((sql, returned.collect::<Option<Vec<_>>>()?))
        });
        let (sql, returned) = known.map_or((&*without_words, None), |(sql, all)| (sql, Some(all)));
        Self { text: text(&each.columns[..parameters], sql), parameters, returned }
    }
}

impl Returned {
    fn cell(self, params: &[Value<'_>], id: i64) -> Cell {
        match self {
            Self::Id => Cell::Int(id),
            Self::Parameter(at) => match params[at] {
                Value::Int(number) => Cell::Int(number),
                Value::Text(text) => Cell::Text(text.to_owned()),
                Value::Bytes(bytes) => Cell::Bytes(bytes.to_vec()),
                Value::Null => Cell::Null,
            },
        }
    }

    /// The answer for one row that was changed, or inserted as number `id`.
    pub(super) fn row(all: &[Self], params: &[Value<'_>], id: i64) -> Row {
        Row(all.iter().map(|returned| returned.cell(params, id)).collect())
    }
}

fn returned(each: &ForEach, column: &str) -> Option<Returned> {
    let name = column.rsplit('.').next().unwrap_or(column);
    let parameter = each.columns.iter().position(|(parameter, _)| *parameter == name);
    parameter.map(Returned::Parameter).or((name == "id").then_some(Returned::Id))
}

/// A column of `r` is a parameter, so that nothing is left to be read from `{rows}` but its one row.
///
/// SQLite takes a copy of each page that an `update … from` or an `insert … select` changes, since either could fail halfway
/// through its rows. What changes a single row needs none, and a commit of many messages then takes half the time. `or fail`
/// spares those that a trigger would need: what fails halfway is rolled back with its transaction.
fn text(columns: &[(&str, Type)], sql: &str) -> String {
    let count = columns.len();
    let parameters: Vec<_> = (1..=count).map(|number| format!("?{number}")).collect();
    let mut sql = sql.replace("{lock}", "").replacen("insert into", "insert or fail into", 1);
    sql = sql.replace("{values}", &format!("values ({})", parameters.join(", ")));
    sql = sql.replace("from {rows} join", "from (select 1) join");
    sql = sql.replace("from {rows} cross join", "from");
    if sql.contains(" from {rows})") {
        sql = sql.replace(" in (select r.", " = (r.");
    }
    sql = sql.replace(" from {rows}", "");
    let mut text = String::with_capacity(sql.len());
    let mut parts = sql.split("r.");
    text.extend(parts.next());
    for part in parts {
        let is_ours = !text.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        let end = part.find(|next: char| !next.is_alphanumeric() && next != '_');
        let (name, rest) = part.split_at(end.unwrap_or(part.len()));
        match columns.iter().position(|(column, _)| *column == name) {
            Some(at) if is_ours => text.push_str(&parameters[at]),
            _ => text.extend(["r.", name]),
        }
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Type;

    const COLUMNS: &[(&str, Type)] = &[("a", Type::Int), ("b", Type::Int)];

    fn each(sql: &'static str) -> Each {
        Each::new(&ForEach { sql, columns: COLUMNS })
    }

    #[test]
    fn what_is_looked_for_is_the_one_row() {
        let each = each(
            "select x from t where (x, t.y) in (select r.a, r.b from {rows}) order by x {lock}",
        );
        assert_eq!(each.text, "select x from t where (x, t.y) = (?1, ?2) order by x ");
        assert_eq!(each.returned, None);
    }

    #[test]
    fn what_is_known_is_not_returned() {
        let insert = each("insert into t (a, b) {values} returning b, id");
        assert_eq!(insert.text, "insert or fail into t (a, b) values (?1, ?2)");
        let returned = insert.returned.unwrap();
        assert_eq!(returned, [Returned::Parameter(1), Returned::Id]);
        let row = Returned::row(&returned, &[Value::Int(1), Value::Text("x")], 7);
        assert_eq!(row.0, [Cell::Text("x".to_owned()), Cell::Int(7)]);

        let update = each("update t set b = r.b from {rows} where t.a = r.a returning t.a");
        assert_eq!(update.text, "update t set b = ?2 where t.a = ?1");
        assert_eq!(update.returned.unwrap(), [Returned::Parameter(0)]);
    }

    #[test]
    fn the_words_of_a_text_are_left_to_the_schema() {
        let columns = &[("a", Type::Text), ("w", Type::Words)];
        let each = Each::new(&ForEach { sql: "insert into t (a{words , w}) {values}", columns });
        assert_eq!((&*each.text, each.parameters), ("insert or fail into t (a) values (?1)", 1));
    }

    #[test]
    fn what_is_not_known_is_returned() {
        let each = each("delete from t where a = r.a returning a, c");
        assert!(each.text.ends_with("returning a, c"));
        assert_eq!(each.returned, None);
    }
}
