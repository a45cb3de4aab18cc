//! A message takes files along, to whoever sees it and nobody else, and they go with it.

use anyhow::{Result, ensure};
use serde_json::json;

use crate::{Client, Endpoints, PATIENCE, until};

pub fn files_of_messages(endpoints: &Endpoints) -> Result<()> {
    let mut alice = Client::connected(endpoints, "Alice")?;
    let mut bob = Client::connected(endpoints, "Bob")?;
    let carol = Client::connected(endpoints, "Carol")?;
    alice.become_contacts(&mut bob)?;
    let kind = [("filename", "t.gif"), ("width", "32"), ("height", "20")];
    let small = alice.upload_with(&kind, b"GIF89a small")?;
    let kind = [
        ("filename", "holiday parrot.gif"),
        ("filetype", "image/gif"),
        ("width", "640"),
        ("height", "400"),
        ("thumbnail", &small),
    ];
    let cat = alice.upload_with(&kind, b"GIF89a large")?;
    let notes = alice.upload("notes.txt", "text/plain", b"the notes")?;
    let files = json!([
        {"id": cat, "name": "holiday parrot.gif", "type": "image/gif", "size": 12,
            "width": 640, "height": 400, "thumbnail": small},
        {"id": notes, "name": "notes.txt", "type": "text/plain", "size": 9}
    ]);
    ensure!(bob.download(&cat)?.0 == 404, "before it was sent");
    let sent = alice.send_files(&bob, "", &[&cat, &notes])?;
    let heard = bob.receive_event("message")?;
    ensure!(heard["content"] == "" && heard["files"] == files, "{heard}");
    for id in [&cat, &notes, &small] {
        ensure!(bob.download(id)?.0 == 200 && carol.download(id)?.0 == 404, "{id}");
    }
    let page = bob.query(json!({"type": "history", "with": alice.id, "limit": 1}))?;
    ensure!(page["messages"][0]["files"] == files, "{page}");
    ensure!(bob.conversation("with", alice.id)?["last"]["files"] == files);
    let found = bob.query(json!({"type": "search", "text": "holiday"}))?;
    ensure!(found["messages"][0]["files"] == files, "{found}");
    let export = alice.ask("GET", "/export")?.send()?.expect(200)?;
    ensure!(export.text.contains(&cat) && export.text.contains("holiday parrot.gif"));
    alice.tus("DELETE", &format!("/files/{cat}"))?.send()?.refused(409)?;

    // What nobody has, has not all of, or may not see, is refused.
    let half = alice.begin_upload(5, &[])?;
    let foreign = carol.upload("c.txt", "text/plain", b"Carol's")?;
    for wrong in [half.trim_start_matches("/files/"), &foreign, "0", &"a".repeat(32)] {
        alice.refused(json!({"to": bob.id, "content": "x", "files": [cat, wrong]}), "not_found")?;
    }
    let many: Vec<_> = (0..11).map(|n| format!("{n:032x}")).collect();
    for wrong in [json!([]), json!([cat, cat]), json!(many), json!("x"), json!([1]), json!([""])] {
        alice.refused(json!({"to": bob.id, "content": "x", "files": wrong}), "bad_request")?;
    }
    alice.refused(json!({"to": bob.id, "content": ""}), "bad_request")?;

    // On and on: each message keeps it.
    let mut dave = Client::connected(endpoints, "Dave")?;
    bob.become_contacts(&mut dave)?;
    let on = bob.send_files(&dave, "look", &[&cat])?;
    let heard = dave.receive_message("look")?;
    ensure!(heard["files"] == json!([files[0]]), "{heard}");
    ensure!(dave.download(&cat)?.0 == 200 && dave.download(&notes)?.0 == 404);
    alice.change(json!({"type": "edit", "id": sent["id"], "content": "a parrot"}))?;
    let page = alice.query(json!({"type": "history", "with": bob.id, "limit": 1}))?;
    ensure!(page["messages"][0]["files"] == files, "{page}");
    ensure!(bob.search("holiday")?.contains(&"a parrot".to_owned()), "by the name, after the edit");
    alice.change(json!({"type": "delete", "id": sent["id"]}))?;
    let page = bob.query(json!({"type": "history", "with": alice.id, "limit": 1}))?;
    let shown = &page["messages"][0];
    ensure!(shown["deleted"] == true && shown.get("files").is_none(), "{shown}");
    ensure!(!bob.search("holiday")?.contains(&"a parrot".to_owned()));
    is_gone(&alice, &notes)?;
    ensure!(bob.download(&notes)?.0 == 404, "it went with its message");
    ensure!(dave.download(&cat)?.0 == 200, "another message has it");
    bob.change(json!({"type": "delete", "id": on["id"]}))?;
    is_gone(&dave, &cat)?;
    in_groups(endpoints, &mut alice, &mut bob)
}

/// Members see the files of what came while they were there.
fn in_groups(endpoints: &Endpoints, alice: &mut Client, bob: &mut Client) -> Result<()> {
    let mut carol = Client::connected(endpoints, "Carol")?;
    alice.become_contacts(&mut carol)?;
    let group = alice.make_group("Trip", &[bob])?;
    let send = |alice: &mut Client, name: &str| -> Result<String> {
        let file = alice.upload(name, "text/plain", name.as_bytes())?;
        let sent = alice.request(json!({"group": group, "content": name, "files": [file]}))?;
        ensure!(sent["type"] == "sent", "{sent}");
        Ok(file)
    };
    let before = send(alice, "before")?;
    alice.change(json!({"type": "group.add", "group": group, "member": carol.id}))?;
    let during = send(alice, "during")?;
    alice.change(json!({"type": "group.remove", "group": group, "member": carol.id}))?;
    let after = send(alice, "after")?;
    let seen = |who: &Client| -> Result<Vec<u16>> {
        [&before, &during, &after].map(|id| Ok(who.download(id)?.0)).into_iter().collect()
    };
    ensure!(seen(bob)? == [200, 200, 200] && seen(&carol)? == [404, 200, 404]);
    bob.change(json!({"type": "block", "id": alice.id}))?;
    let blocked = send(alice, "blocked")?;
    ensure!(bob.download(&blocked)?.0 == 404 && bob.download(&after)?.0 == 200);
    bob.change(json!({"type": "unblock", "id": alice.id}))?;
    ensure!(bob.download(&blocked)?.0 == 404);
    Ok(())
}

fn is_gone(who: &Client, id: &str) -> Result<()> {
    until("the file is gone", PATIENCE, || Ok((who.download(id)?.0 == 404).then_some(())))
}
