//! Messages that people give to the operator: copies that stay until the operator closes them, or their time is over.

use sql::{Operation, Outcome, Report, Reported, Store};
use wire::limit::{REPORT_LIFE_MS, REPORTS_MAX};
use wire::{AccountId, Code, MessageId, Peer, Recipient};

use crate::revise::edit;
use crate::{HOUR, NOW, account, act, act_at, code, group, post, post_to, say};

cases! {
    OPEN, const ALL:
    a_report_is_a_copy_of_what_its_account_sees,
    nobody_reports_what_it_does_not_see,
    a_message_is_reported_once_by_each,
    an_account_has_so_many_open_reports_and_no_more,
    reports_outlive_messages_and_accounts,
    reports_are_kept_for_their_time,
    an_account_exports_its_own_reports,
    reports_are_listed_page_by_page,
}

const END: MessageId = MessageId(i64::MAX);

fn report(id: MessageId, text: &str) -> Operation {
    Operation::Report { id, text: text.to_owned() }
}

/// All reports that these accounts have made; a database may have others'.
fn by(store: &Store, accounts: &[AccountId]) -> Vec<Report> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let page = store.reports(after).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.cursor());
        all.extend(page.into_iter().filter(|it| accounts.contains(&it.by.id)));
    }
    all
}

fn a_report_is_a_copy_of_what_its_account_sees(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let said = say(store, alice, bob, "something rude", "1");
    let head = |who| store.log_state(who).unwrap().unwrap().head;
    let heads = [alice, bob].map(head);
    assert_eq!(act_at(store, bob, report(said.id, "rude"), NOW + 5), Outcome::Unchanged);
    assert_eq!([alice, bob].map(head), heads, "nobody is told");
    let known = |id| {
        let account = store.account(id).unwrap().unwrap();
        Reported { id, known: Some((account.name, account.email)) }
    };
    let expected = Report {
        message: said.id,
        by: known(bob),
        at: NOW + 5,
        text: "rude".to_owned(),
        from: known(alice),
        to: Recipient::Account(bob),
        sent_at: NOW,
        content: "something rude".to_owned(),
        files: Vec::new(),
    };
    assert_eq!(by(store, &[bob]), [expected]);
    // In a group, whose text one member has from before the block.
    let trip = group(store, &[alice, bob, carol]);
    act(store, alice, post_to(trip, "before"));
    let id = store.history(alice, Peer::Group(trip), END, 1).unwrap().unwrap()[0].id;
    act(store, carol, Operation::Block { id: alice });
    assert_eq!(act(store, alice, edit(id, "after")), Outcome::Done);
    for who in [bob, carol] {
        assert_eq!(act_at(store, who, report(id, ""), NOW + 6), Outcome::Unchanged);
    }
    let told = |who| by(store, &[who]).pop().unwrap();
    assert_eq!((told(bob).content, told(bob).to), ("after".to_owned(), Recipient::Group(trip)));
    assert_eq!((told(carol).content, told(carol).text), ("before".to_owned(), String::new()));
}

fn nobody_reports_what_it_does_not_see(store: &Store) {
    let [alice, bob, carol] = ["Alice", "Bob", "Carol"].map(|name| account(store, name));
    let id = say(store, alice, bob, "between us", "1").id;
    let refused = |who, id| code(&act(store, who, report(id, "x")));
    assert_eq!(refused(carol, id), Some(Code::NotFound));
    assert_eq!(refused(bob, MessageId(id.0 + 1_000_000)), Some(Code::NotFound));
    act(store, bob, Operation::Block { id: alice });
    act(store, alice, post(alice, bob, "withheld", None).operation);
    let own = store.history(alice, Peer::Account(bob), END, 1).unwrap().unwrap();
    assert_eq!(refused(bob, own[0].id), Some(Code::NotFound));
    let gone = say(store, alice, carol, "soon deleted", "3").id;
    act(store, alice, Operation::Delete { id: gone });
    assert_eq!(refused(carol, gone), Some(Code::TooLate));
    act(store, bob, Operation::Hide { id });
    assert_eq!(refused(bob, id), Some(Code::NotFound), "it has deleted the message for itself");
    store.delete_account(carol, NOW).unwrap();
    assert_eq!(refused(carol, gone), Some(Code::Unauthorized));
    assert_eq!(by(store, &[bob, carol]), []);
}

fn a_message_is_reported_once_by_each(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let id = say(store, alice, bob, "first", "1").id;
    act(store, bob, report(id, "one reason"));
    act(store, alice, edit(id, "second"));
    assert_eq!(act(store, bob, report(id, "another reason")), Outcome::Unchanged);
    act(store, alice, report(id, "her own"));
    let all = by(store, &[alice, bob]);
    let texts: Vec<_> = all.iter().map(|it| (it.by.id, &*it.text, &*it.content)).collect();
    assert_eq!(texts, [(alice, "her own", "second"), (bob, "one reason", "first")]);
    assert_eq!(store.close_reports(id).unwrap(), 2);
    assert_eq!(store.close_reports(id).unwrap(), 0);
    assert_eq!(by(store, &[alice, bob]), []);
    act(store, bob, report(id, "again"));
    assert_eq!(by(store, &[bob]).len(), 1, "after it was closed");
}

fn an_account_has_so_many_open_reports_and_no_more(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let say = |n: i64| say(store, alice, bob, "x", &n.to_string()).id;
    let ids: Vec<_> = (0..=REPORTS_MAX).map(say).collect();
    let (last, first) = ids.split_last().unwrap();
    for id in first {
        assert_eq!(act(store, bob, report(*id, "")), Outcome::Unchanged);
    }
    assert_eq!(code(&act(store, bob, report(*last, ""))), Some(Code::TooMany));
    assert_eq!(act(store, bob, report(first[0], "")), Outcome::Unchanged, "one of them again");
    assert_eq!(act(store, alice, report(*last, "")), Outcome::Unchanged, "others may");
    store.close_reports(first[0]).unwrap();
    assert_eq!(act(store, bob, report(*last, "")), Outcome::Unchanged);
    assert_eq!(by(store, &[bob]).len(), REPORTS_MAX as usize);
}

fn reports_outlive_messages_and_accounts(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let ids = ["edited", "deleted", "expired"].map(|text| say(store, alice, bob, text, text).id);
    for id in ids {
        act(store, bob, report(id, "rude"));
    }
    act(store, alice, edit(ids[0], "harmless"));
    act(store, alice, Operation::Delete { id: ids[1] });
    act(store, bob, Operation::SetRetention { with: Peer::Account(alice), days: Some(1) });
    store.expire_messages(NOW + 25 * HOUR).unwrap();
    assert!(store.history(bob, Peer::Account(alice), END, 9).unwrap().unwrap().is_empty());
    assert!(store.delete_account(alice, NOW).unwrap());
    assert!(store.delete_account(bob, NOW).unwrap());
    let left = by(store, &[bob]);
    let texts: Vec<_> = left.iter().map(|it| &*it.content).collect();
    assert_eq!(texts, ["edited", "deleted", "expired"]);
    for one in &left {
        assert_eq!((one.by.known.as_ref(), one.from.known.as_ref()), (None, None));
        assert_eq!((one.by.id, one.from.id), (bob, alice));
    }
}

fn reports_are_kept_for_their_time(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let [old, new] = ["old", "new"].map(|text| say(store, alice, bob, text, text).id);
    act_at(store, bob, report(old, ""), NOW);
    act_at(store, bob, report(new, ""), NOW + 1);
    store.expire_reports(NOW + REPORT_LIFE_MS).unwrap();
    assert_eq!(by(store, &[bob]).len(), 2, "not before its time");
    store.expire_reports(NOW + REPORT_LIFE_MS + 1).unwrap();
    let left: Vec<_> = by(store, &[bob]).iter().map(|it| it.message).collect();
    assert_eq!(left, [new]);
}

fn an_account_exports_its_own_reports(store: &Store) {
    let [alice, bob] = ["Alice", "Bob"].map(|name| account(store, name));
    let id = say(store, alice, bob, "hello", "1").id;
    act(store, bob, report(id, "rude"));
    let own = store.exported_reports(bob).unwrap();
    assert_eq!((own[0].id, &*own[0].text, own[0].at, own.len()), (id, "rude", NOW, 1));
    assert_eq!(store.exported_reports(alice).unwrap(), [], "she does not learn of it");
}

fn reports_are_listed_page_by_page(store: &Store) {
    let people = ["Alice", "Bob", "Carol", "Dave"].map(|name| account(store, name));
    let trip = group(store, &people);
    let each = REPORTS_MAX as usize;
    for _ in 0..each {
        act(store, people[0], post_to(trip, "x"));
    }
    let page = store.history(people[0], Peer::Group(trip), END, each).unwrap().unwrap();
    for message in &page {
        for who in &people[1..] {
            act(store, *who, report(message.id, ""));
        }
    }
    let all = by(store, &people);
    assert_eq!(all.len(), 3 * each, "more than one page, each once");
    assert!(all.is_sorted_by_key(Report::cursor));
}
