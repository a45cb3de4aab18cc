//! Parameters and rows in PostgreSQL's types.

use postgres::types::private::BytesMut;
use postgres::types::{IsNull, ToSql, Type as SqlType, to_sql_checked};

use super::search;
use crate::engine::{Cell, Row, Value};
use crate::{Error, Result};

/// Reads a row of an answer.
pub(super) fn row(row: &postgres::Row) -> Result<Row> {
    let cells = row.columns().iter().enumerate().map(|(at, column)| {
        Ok(match *column.type_() {
            SqlType::INT8 => row.try_get::<_, Option<i64>>(at)?.map_or(Cell::Null, Cell::Int),
            SqlType::INT4 => {
                row.try_get::<_, Option<i32>>(at)?.map_or(Cell::Null, |n| Cell::Int(n.into()))
            }
            SqlType::TEXT => row.try_get::<_, Option<String>>(at)?.map_or(Cell::Null, Cell::Text),
            SqlType::BYTEA => {
                row.try_get::<_, Option<Vec<u8>>>(at)?.map_or(Cell::Null, Cell::Bytes)
            }
            ref other => return Err(Error::Internal(format!("column {at} has type {other}"))),
        })
    });
    Ok(Row(cells.collect::<Result<_>>()?))
}

/// The columns of these rows of parameters, `count` of them, each as an array.
pub(super) fn columns<'v>(rows: &[Vec<Value<'v>>], count: usize) -> Vec<Column<'v>> {
    debug_assert!(rows.iter().all(|row| row.len() == count), "a row of {count} columns");
    (0..count).map(|at| Column(rows.iter().map(|row| row[at]).collect())).collect()
}

type Encoded = std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>>;

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &SqlType, out: &mut BytesMut) -> Encoded {
        match self {
            Value::Int(number) => number.to_sql(kind, out),
            Value::Text(text) => text.to_sql(kind, out),
            Value::Terms(text) => search::words(text).to_sql(kind, out),
            Value::Bytes(bytes) => bytes.to_sql(kind, out),
            Value::Null => Ok(IsNull::Yes),
        }
    }

    fn accepts(kind: &SqlType) -> bool {
        matches!(*kind, SqlType::INT8 | SqlType::TEXT | SqlType::BYTEA)
    }

    to_sql_checked!();
}

/// One column of many rows, sent as an array.
#[derive(Debug)]
pub(super) struct Column<'a>(pub(super) Vec<Value<'a>>);

impl ToSql for Column<'_> {
    fn to_sql(&self, kind: &SqlType, out: &mut BytesMut) -> Encoded {
        self.0.as_slice().to_sql(kind, out)
    }

    fn accepts(kind: &SqlType) -> bool {
        matches!(*kind, SqlType::INT8_ARRAY | SqlType::TEXT_ARRAY | SqlType::BYTEA_ARRAY)
    }

    to_sql_checked!();
}
