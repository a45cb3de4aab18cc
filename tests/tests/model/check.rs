//! Everything that an account can ask for is as the model has it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::device::Device;
use super::name::IdMaps;
use super::op::{ACCOUNTS, NOBODY, Place, Who};
use super::run::same;
use super::state::Model;

/// So small that most lists take several.
const PAGE: i64 = 3;
/// Each is in some of the words that are said.
const SEARCHES: [&str; 3] = ["LEM", "tree l", "tea gr"];

/// All views of the reader's account.
pub fn views(reader: &mut Device, model: &Model, names: &IdMaps) -> Result<()> {
    let who = reader.who;
    let accounts = (1..=ACCOUNTS.len() as Who).map(Place::With);
    let groups = || model.groups().chain([NOBODY]);
    for place in accounts.chain(groups().map(Place::Group)) {
        let mut question = names.place("with", place);
        question["type"] = json!("history");
        match model.history(who, place) {
            Some(expected) => {
                let got = pages(reader, names, &question, "id")?;
                same(&format!("history of {place:?}"), &got, &expected)?;
            }
            None => refused(reader, &question)?,
        }
    }
    for text in SEARCHES {
        let got = pages(reader, names, &json!({"type": "search", "text": text}), "id")?;
        same(&format!("search for {text}"), &got, &model.search(who, text))?;
    }
    let got = pages(reader, names, &json!({"type": "conversations"}), "activity")?;
    same("conversations", &got, &model.conversations(who))?;
    for group in groups() {
        let question = json!({"type": "group.show", "group": names.groups.outside(group)});
        match model.show(who, group) {
            Some(expected) => {
                let got = names.inside(&reader.ask(question)?);
                ensure!(got == expected, "group {group} is {got}, not {expected}");
            }
            None => refused(reader, &question)?,
        }
    }
    for (other, account) in &model.accounts {
        let Some(picture) = &account.picture else { continue };
        let (got, expected) = (reader.fetches(picture)?, model.sees_picture(who, *other));
        ensure!(got == expected, "fetches the picture of {other}: {got}, not {expected}");
    }
    let got = names.inside(&reader.ask(json!({"type": "blocks"}))?);
    let blocks: Vec<_> = model.accounts[&who].blocks.iter().collect();
    let expected = json!({"type": "blocks", "ids": blocks});
    ensure!(got == expected, "blocks are {got}, not {expected}");
    Ok(())
}

/// All pages of a list in one, in the order of time; conversations stay in the order that they come in.
fn pages(reader: &mut Device, names: &IdMaps, question: &Value, key: &str) -> Result<Vec<Value>> {
    let is_newest_first = question["type"] == "conversations";
    let list = if is_newest_first { "conversations" } else { "messages" };
    let mut all = Vec::new();
    let mut question = question.clone();
    question["limit"] = json!(PAGE);
    loop {
        let answer = reader.ask(question.clone())?;
        ensure!(answer["type"] == question["type"], "asked {question}, answered {answer}");
        let page = answer[list].as_array().with_context(|| format!("no list: {answer}"))?;
        ensure!(page.len() <= PAGE as usize, "more than {PAGE}: {answer}");
        let turned = page.iter().map(|item| names.inside(item));
        if is_newest_first {
            all.extend(turned);
        } else {
            all.splice(0..0, turned);
        }
        let oldest = if is_newest_first { page.last() } else { page.first() };
        match (answer["more"].as_bool(), oldest) {
            (Some(false), _) => return Ok(all),
            (Some(true), Some(oldest)) => question["before"] = oldest[key].clone(),
            _ => anyhow::bail!("no `more`, or more of nothing: {answer}"),
        }
    }
}

/// There is no such thing for this account.
fn refused(reader: &mut Device, question: &Value) -> Result<()> {
    let answer = reader.ask(question.clone())?;
    ensure!(answer["code"] == "not_found", "asked {question}, answered {answer}");
    Ok(())
}
