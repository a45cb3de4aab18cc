//! Several statements that are run as one: a round trip for all.

use std::ops::Range;

use postgres::Statement;
use postgres::types::Type as SqlType;

use super::client::Client;
use super::{ForEach, for_each_text};
use crate::Result;

/// Statements that have been made one.
#[derive(Clone)]
pub(super) struct Together {
    pub(super) statement: Statement,
    /// Which columns of the answer are whose. The first column is nobody's: it says whose row it is.
    pub(super) columns: Vec<Range<usize>>,
}

impl Together {
    /// Makes one of `all`, which have been prepared `alone` as well: so it is known what they answer with.
    pub(super) fn prepare(
        client: &mut Client,
        all: &[&ForEach],
        alone: &[Statement],
    ) -> Result<Self> {
        let mut columns = Vec::with_capacity(all.len());
        let mut types = Vec::new();
        for statement in alone {
            let first = 1 + types.len();
            types.extend(statement.columns().iter().map(|column| column.type_().clone()));
            columns.push(first..1 + types.len());
        }
        let statement = client.prepare(&text(all, &columns, &types))?;
        Ok(Self { statement, columns })
    }
}

/// Each row of the answer has the columns of all, of which those of the others are null.
fn text(all: &[&ForEach], columns: &[Range<usize>], types: &[SqlType]) -> String {
    let (mut parts, mut answers) = (Vec::new(), Vec::new());
    let mut first_parameter = 1;
    for (number, (each, own)) in all.iter().zip(columns).enumerate() {
        let text = for_each_text(each, first_parameter);
        first_parameter += each.columns.len();
        if own.is_empty() {
            parts.push(format!("p{number} as ({text})"));
            continue;
        }
        let names: Vec<_> = own.clone().map(|at| format!("c{at}")).collect();
        parts.push(format!("p{number} ({}) as ({text})", names.join(", ")));
        let cells = (1..).zip(types).map(|(at, kind)| {
            if own.contains(&at) { format!("c{at}") } else { format!("null::{kind}") }
        });
        let cells: Vec<_> = cells.collect();
        answers.push(format!("select {number}, {} from p{number}", cells.join(", ")));
    }
    if answers.is_empty() {
        answers.push("select 0 where false".to_owned());
    }
    format!("with {} {}", parts.join(", "), answers.join(" union all "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Type;

    static FIND: ForEach = ForEach {
        sql: "select t.a, t.b from {rows} join t on t.a = r.a",
        columns: &[("a", Type::Int)],
    };
    static ADD: ForEach = ForEach {
        sql: "insert into u (a, b) {values}",
        columns: &[("a", Type::Int), ("b", Type::Text)],
    };

    #[test]
    fn each_has_its_own_parameters_and_columns() {
        let types = [SqlType::INT8, SqlType::TEXT, SqlType::INT8, SqlType::TEXT];
        assert_eq!(
            text(&[&FIND, &ADD, &FIND], &[1..3, 3..3, 3..5], &types),
            "with p0 (c1, c2) as (select t.a, t.b from unnest($1::bigint[]) as r(a) join t on t.a = r.a), \
             p1 as (insert into u (a, b) select * from unnest($2::bigint[], $3::text[]) as r(a, b)), \
             p2 (c3, c4) as (select t.a, t.b from unnest($4::bigint[]) as r(a) join t on t.a = r.a) \
             select 0, c1, c2, null::int8, null::text from p0 \
             union all select 2, null::int8, null::text, c3, c4 from p2"
        );
    }

    #[test]
    fn what_answers_nothing_is_run_all_the_same() {
        let text = text(&[&ADD, &ADD], &[1..1, 1..1], &[]);
        assert!(text.ends_with(" as r(a, b)) select 0 where false"), "{text}");
    }
}
