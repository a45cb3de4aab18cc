//! Which words of a text a search finds: the same on both engines, however they are written.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use icu_normalizer::{ComposingNormalizer, DecomposingNormalizer};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sql::{INDEXED_WORDS_MAX, Operation, Store, WORD_CHARS_MAX};
use wire::limit::{CONTENT_BYTES_MAX, SEARCH_BYTES_MAX};
use wire::{AccountId, MessageId, Peer};

use crate::{HOUR, NOW, account, act, commit, post, say};

const END: MessageId = MessageId(i64::MAX);

cases! {
    OPEN:
    what_reads_alike_is_found,
    parts_of_runs_are_found,
    long_words_are_found_by_their_beginning,
    one_message_is_found_by_so_many_words,
    runs_go_with_their_messages,
}

fn people(store: &Store) -> [AccountId; 2] {
    ["Alice", "Bob"].map(|name| account(store, name))
}

fn found(store: &Store, who: AccountId, text: &str) -> Vec<MessageId> {
    // On a busy machine a search may take longer than it may.
    let deadline = Instant::now() + Duration::from_secs(60);
    let found = loop {
        match store.search(who, text, END, 999) {
            Err(sql::Error::TimedOut(_)) if Instant::now() < deadline => {}
            found => break found.unwrap(),
        }
    };
    found.into_iter().map(|message| message.id).collect()
}

fn what_reads_alike_is_found(store: &Store) {
    let [alice, bob] = people(store);
    for same in [
        &["Zürich", "zu\u{308}rich", "ZÜRICH", "ＺＵ\u{308}ＲＩＣＨ"] as &[_],
        &["straße", "STRASSE", "STRAẞE", "strasse"],
        &["ὁδός", "ὉΔΌΣ", "ὁδόσ"],
        &["ﬁnance", "finance", "FINANCE"],
        &["ｶﾞｷﾞ", "ガギ", "カ\u{3099}キ\u{3099}"],
        &["１２３", "123", "①②③"],
        &["İzmir", "i\u{307}zmir", "I\u{307}ZMIR"],
        &["co\u{ad}operate", "cooperate"],
        &["한국", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"],
    ] {
        let say = |text: &str| say(store, alice, bob, &format!("and {text}, then"), text).id;
        let mut ids: Vec<_> = same.iter().map(|text| say(text)).collect();
        ids.reverse();
        for text in same {
            assert_eq!(found(store, bob, text), ids, "{text}");
        }
    }
    assert!(found(store, bob, "zurich").is_empty(), "an accent makes another letter");
    assert!(found(store, bob, "izmir").is_empty(), "as Unicode folds it");
}

fn parts_of_runs_are_found(store: &Store) {
    let [alice, bob] = people(store);
    for (text, parts) in [
        (
            "東京都庁に行く",
            &["東京都庁に行く", "京都", "都庁に行", "に", "く", "東京 行く"] as &[_],
        ),
        ("今日はラーメンを食べた。", &["ラーメン", "ーメ", "食べ", "日は"]),
        ("ผมไปกรุงเทพเมื่อวาน", &["กรุงเทพ", "เมื่อ", "ผม"]),
        ("ຂ້ອຍມັກເຂົ້າໜຽວ", &["ເຂົ້າ"]),
        ("ខ្ញុំចូលចិត្តភ្នំពេញ", &["ភ្នំពេញ"]),
        ("ကျွန်တော်ရန်ကုန်သွားမယ်", &["ရန်ကုန်"]),
        ("新しいiPhone15用のケース", &["iphone", "iPhone15用", "ケース", "用の"]),
    ] {
        let id = say(store, alice, bob, text, text).id;
        for part in parts {
            assert!(found(store, bob, part).contains(&id), "{part} in {text}");
        }
    }
    assert!(found(store, bob, "京庁").is_empty() && found(store, bob, "hone").is_empty());
    // Its pairs stand there, and it does not.
    let id = say(store, alice, bob, "東京タワーと京都と東京", "pairs").id;
    assert!(!found(store, bob, "東京都").contains(&id));
    assert!(found(store, bob, "東京 京都").contains(&id));
}

fn long_words_are_found_by_their_beginning(store: &Store) {
    let [alice, bob] = people(store);
    let lengths = [WORD_CHARS_MAX - 1, WORD_CHARS_MAX, WORD_CHARS_MAX + 1, 2046, 2047, 2048, 9000];
    let long = |length: usize, end: &str| format!("{}{end}", "x".repeat(length - 1));
    let ids = lengths.map(|n| say(store, alice, bob, &long(n, "y"), &n.to_string()).id);
    assert_eq!(found(store, bob, "xx").len(), lengths.len());
    assert_eq!(
        found(store, bob, &"x".repeat(SEARCH_BYTES_MAX)),
        [ids[6], ids[5], ids[4], ids[3], ids[2]]
    );
    for (length, id) in lengths.into_iter().zip(ids) {
        assert_eq!(found(store, bob, &long(length, "y")), [id], "{length}");
        assert!(found(store, bob, &long(length, "z")).is_empty(), "{length}");
    }
    let wide = "ü".repeat(CONTENT_BYTES_MAX / 2);
    let id = say(store, alice, bob, &wide, "wide").id;
    assert_eq!(found(store, bob, &"Ü".repeat(WORD_CHARS_MAX)), [id]);
}

fn one_message_is_found_by_so_many_words(store: &Store) {
    let [alice, bob] = people(store);
    let many: String = ('\u{4e00}'..).take(INDEXED_WORDS_MAX + 2).collect();
    let id = say(store, alice, bob, &many, "many").id;
    let pair = |at: usize| many.chars().skip(at).take(2).collect::<String>();
    assert_eq!(found(store, bob, &pair(INDEXED_WORDS_MAX - 1)), [id]);
    assert!(found(store, bob, &pair(INDEXED_WORDS_MAX)).is_empty());
}

fn runs_go_with_their_messages(store: &Store) {
    let [alice, bob] = people(store);
    let [kept, edited, deleted] =
        ["京都一", "京都二", "京都三"].map(|text| say(store, alice, bob, text, text).id);
    act(store, alice, Operation::Edit { id: edited, content: "大阪".to_owned() });
    act(store, alice, Operation::Delete { id: deleted });
    assert_eq!((found(store, bob, "京都"), found(store, bob, "阪")), (vec![kept], vec![edited]));
    act(store, bob, Operation::SetRetention { with: Peer::Account(alice), days: Some(1) });
    store.expire_messages(NOW + 48 * HOUR).unwrap();
    assert!(found(store, bob, "京都").is_empty() && found(store, bob, "大阪").is_empty());
}

/// Messages that are stored before the index is emptied.
const OLD: usize = 2_000;

/// `forget` leaves the index as an upgrade does.
pub fn the_index_is_made_anew(open: impl Fn() -> Store, forget: impl FnOnce()) {
    let store = open();
    let [alice, bob] = people(&store);
    let text = |n: usize| format!("word{n} 東京都{n}庁");
    commit(&store, (0..OLD).map(|n| post(alice, bob, &text(n), None)).collect());
    let count = |store: &Store, text: &str| found(store, bob, text).len();
    let is_whole = |store: &Store, when: &str| {
        for (text, expected) in
            [("word0", 1), ("WORD1999", 1), ("京都", 999), ("京都1999庁", 1), ("東都", 0)]
        {
            assert_eq!(count(store, text), expected, "{text} {when}");
        }
    };
    is_whole(&store, "at first");
    drop(store);
    forget();
    let store = open();
    is_whole(&store, "before it is begun");
    // The program ends after a few steps.
    let steps = Cell::new(0);
    store.run_reindexer(|_| steps.replace(steps.get() + 1) == 2);
    is_whole(&store, "in the middle");
    assert_eq!(steps.get(), 3, "the steps are small");
    drop(store);
    let store = open();
    is_whole(&store, "after it was broken off");
    let history = store.history(bob, Peer::Account(alice), END, OLD).unwrap().unwrap();
    let id = history[OLD - 1].id;
    act(&store, alice, Operation::Edit { id, content: "changed 京".to_owned() });
    let newest = history[0].id;
    act(&store, alice, Operation::Delete { id: newest });
    store.run_reindexer(|_| false);
    let counts =
        ["word0", "changed", "word1999", "word1998", "word1"].map(|text| count(&store, text));
    assert_eq!(counts, [0, 1, 0, 1, 999]);
    say(&store, alice, bob, "and it goes on", "new");
    assert_eq!(count(&store, "goes"), 1);
}

/// Characters of many kinds, those most often that fold to others.
fn character() -> impl Strategy<Value = char> {
    let kinds = [
        "aAbBzZ09 ,.-\n",
        "äÄßẞéÉİIi\u{307}\u{301}ŉǅǆſﬁﬃ",
        "σςΣὀᾳᾼΐ",
        "Ａａｱｶﾞガギｰーァぁ東京都庁々〆",
        "กรุงเทพໂຂ\u{200b}ភ្នំရန်",
        "한\u{1112}\u{1161}\u{11ab}",
        "हिन्दी①½²ⅷ℡㌀ﷺ",
        "\u{ad}\u{200d}\u{fe0f}\u{34f}🍋'\"*%\\:&|",
    ];
    let known: Vec<char> = kinds.iter().flat_map(|kind| kind.chars()).collect();
    let any = any::<char>().prop_filter("no content has it", |it| *it != '\0');
    prop_oneof![6 => proptest::sample::select(known), 1 => any]
}

fn text() -> impl Strategy<Value = String> {
    // A dotless i is the only letter whose capital is another's. The capital of an iota below a letter stands beside it, so that
    // other marks change their places.
    let is_other = |it: char| {
        let nfd = DecomposingNormalizer::new_nfd().normalize_iter([it].into_iter());
        it == 'ı' || nfd.into_iter().any(|it| it == '\u{345}')
    };
    let text = proptest::collection::vec(character(), 1..40);
    text.prop_map(move |text| text.into_iter().filter(|it| !is_other(*it)).collect::<String>())
        .prop_filter("no content is empty", |text| !text.is_empty())
}

fn forms(text: &str) -> [String; 4] {
    let nfc = ComposingNormalizer::new_nfc().normalize(text).into_owned();
    let nfd = DecomposingNormalizer::new_nfd().normalize(text).into_owned();
    [nfc, nfd, text.to_uppercase(), text.to_lowercase()]
}

/// Each case has some texts of its own two people, and texts to search for that need not stand in them.
const TEXTS: std::ops::Range<usize> = 1..8;
const CASES: u32 = 10;

struct Asked {
    people: Vec<AccountId>,
    question: String,
    /// The places of the texts that are found.
    places: Vec<usize>,
    ids: Vec<Vec<MessageId>>,
}

pub fn every_text_is_found_by_its_words_on_both(stores: &[Store; 2]) {
    let asked = RefCell::new(Vec::<Asked>::new());
    let ask = |store: usize, one: &Asked| -> Vec<usize> {
        let ids = found(&stores[store], one.people[store], &one.question);
        ids.iter().map(|id| one.ids[store].iter().position(|it| it == id).unwrap()).collect()
    };
    let texts = proptest::collection::vec(text(), TEXTS);
    let questions = proptest::collection::vec(text(), 0..6);
    let mut runner =
        TestRunner::new(Config { cases: CASES, failure_persistence: None, ..Config::default() });
    let run = |(texts, questions): (Vec<String>, Vec<String>)| {
        let mut people = Vec::new();
        let mut ids = Vec::new();
        for store in stores {
            let [alice, bob] = self::people(store);
            let posts = texts.iter().map(|text| post(alice, bob, text, None)).collect();
            commit(store, posts);
            let stored = store.history(bob, Peer::Account(alice), END, 99).unwrap().unwrap();
            ids.push(stored.iter().rev().map(|it| it.id).collect::<Vec<_>>());
            people.push(bob);
        }
        let one = |question: String| Asked {
            people: people.clone(),
            question,
            places: Vec::new(),
            ids: ids.clone(),
        };
        let mut all: Vec<(Option<usize>, Asked)> =
            questions.into_iter().map(|it| (None, one(it))).collect();
        for (place, text) in texts.iter().enumerate() {
            let folded = wire::folded(text);
            let words = wire::words(&folded).map(|word| word.text.to_owned());
            let parts = text.split_whitespace().map(str::to_owned);
            for word in
                words.chain(parts).filter(|it| wire::words(&wire::folded(it)).next().is_some())
            {
                all.extend(forms(&word).map(|form| (Some(place), one(form))));
            }
        }
        for (place, mut asked_one) in all {
            asked_one.places = ask(0, &asked_one);
            prop_assert_eq!(
                &asked_one.places,
                &ask(1, &asked_one),
                "{:?} in {:?}",
                asked_one.question,
                texts
            );
            if let Some(place) = place {
                prop_assert!(
                    asked_one.places.contains(&place),
                    "{:?} in {:?}",
                    asked_one.question,
                    texts[place]
                );
            }
            asked.borrow_mut().push(asked_one);
        }
        Ok(())
    };
    runner.run(&(texts, questions), run).unwrap();
    // Again when SQLite has put them into its index, which it does with hundreds at once.
    let [alice, bob] = people(&stores[0]);
    for _ in 0..4 {
        commit(&stores[0], (0..300).map(|_| post(alice, bob, "more", None)).collect());
        stores[0].run_reindexer(|time| time > Duration::ZERO);
    }
    for one in asked.into_inner() {
        assert_eq!(ask(0, &one), one.places, "{:?}", one.question);
    }
}
