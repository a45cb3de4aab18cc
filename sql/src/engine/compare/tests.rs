//! What once went wrong when the text for one engine was made from that for the other.

use std::path::{Path, PathBuf};

use super::*;
use crate::engine::for_each_row;

fn same(batch: &'static BatchStatement, rows: &[Vec<Value<'_>>]) -> Vec<String> {
    let [one, two] = Engines::shared().answers(batch, rows);
    assert_eq!(one, two);
    one
}

#[test]
fn a_returned_column_is_not_the_parameter_of_its_name() {
    static RENAME: BatchStatement = BatchStatement::of(Statement {
        postgres: "update account set name = account.name || r.name from unnest($1::bigint[], $2::text[]) as r(id, name) \
                   where account.id = r.id returning account.name",
        sqlite: "update account set name = name || ?2 where id = ?1 returning name",
    });
    let rows = [vec![Value::Int(1), Value::Text("!")], vec![Value::Int(2), Value::Text("?")]];
    assert_eq!(same(&RENAME, &rows), [r#"[Text("Alice!")]"#, r#"[Text("Bob?")]"#]);
}

#[test]
fn a_row_without_a_match_is_kept_by_a_left_join() {
    static NAMES: BatchStatement = for_each_row!(
        r(id bigint),
        "select r.id, a.name from r left join account a on a.id = r.id"
    );
    let rows = [vec![Value::Int(1)], vec![Value::Int(99)]];
    assert_eq!(same(&NAMES, &rows), [r#"[Int(1), Text("Alice")]"#, "[Int(99), Null]"]);
}

#[test]
fn what_is_not_in_the_rows_is_found() {
    static OTHERS: BatchStatement = for_each_row!(
        r(id bigint),
        "select a.id from account a where a.id < 4 and a.id not in (select r.id from r)"
    );
    assert_eq!(same(&OTHERS, &[vec![Value::Int(2)]]), ["[Int(1)]", "[Int(3)]"]);
}

#[test]
fn a_literal_stays_as_it_is() {
    static LITERAL: BatchStatement =
        for_each_row!(r(id bigint), "select r.id, 'r.id {lock} from {rows}' from r");
    let found = same(&LITERAL, &[vec![Value::Int(7)]]);
    assert_eq!(found, [r#"[Int(7), Text("r.id {lock} from {rows}")]"#]);
}

#[test]
fn a_difference_is_found() {
    static DIFFERENT: Statement = Statement {
        postgres: "select id from account where id <= $1",
        sqlite: "select id from account where id < $1",
    };
    static SWAPPED: Statement = Statement::both("select id from account where id > $2 and id < $1");
    static NEVER: Statement =
        Statement::both("select id from account where id = $1 and id > 1000000");
    let mut engines = Engines::shared();
    for (statement, fault) in
        [(&DIFFERENT, "PostgreSQL"), (&SWAPPED, "SQLite takes $2"), (&NEVER, "no row was")]
    {
        let found = engines.check(statement.into()).unwrap_err();
        assert!(found.contains(fault), "{found}");
    }
}

/// Where statements stand: nowhere but in `statements!`, so that each is run by a test.
#[test]
fn no_statement_stands_elsewhere() {
    let mut files = Vec::new();
    sources(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut files);
    assert!(files.len() > 50, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let mut block = None;
        for (line, number) in text.lines().zip(1..) {
            match (block, line) {
                (None, "#[cfg(test)]") => break,
                (None, _)
                    if line.starts_with("statements! {") || line.starts_with("macro_rules!") =>
                {
                    block = Some(number);
                }
                (Some(_), "}") => block = None,
                (None, _) => {
                    let made = [
                        "Statement {",
                        "Statement::both(",
                        "Statement::only_",
                        "Statement::of(",
                        "for_each_row!(",
                        "locking!(",
                    ];
                    let is_made = made.iter().any(|it| line.contains(it)) && !line.contains("///");
                    let may = ["engine/statement.rs", "engine/compare.rs", "verify/checks.rs"];
                    let may = may.iter().any(|end| file.ends_with(end));
                    assert!(!is_made || may, "{}:{number}: {line}", file.display());
                }
                _ => {}
            }
        }
    }
}

fn sources(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("tests.rs") {
            files.push(path);
        }
    }
}
