use super::record::Record;
use super::*;
use crate::engine::Value;
use crate::engine::statement::in_test;
use crate::pool::Requester;

const T: i64 = 1_800_000_000_000;
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// The longest step that is no step.
const STEP: i64 = CLOCK_STEP_MAX.as_millis() as i64;
const FOLLOW: i64 = CLOCK_FOLLOW_AFTER.as_millis() as i64;
/// For how long the machine has been running when a test begins.
const UP: i64 = DAY;

fn look(wall: i64, passed: i64) -> ClockReading {
    ClockReading { wall, steady: UP + passed }
}

fn begun(seen: i64, wall: i64) -> State {
    State::begin(Record { seen, ..Record::default() }, None, look(wall, 0))
}

#[test]
fn a_clock_that_goes_right_is_told() {
    let mut state = begun(0, T);
    // It is set by a little now and then, and the machine is off for a little.
    for (wall, steady) in [(T + 1, 1), (T + MINUTE + STEP, MINUTE), (T + 9 * MINUTE, 2 * MINUTE)] {
        assert_eq!(state.now(look(wall, steady)), wall);
        assert_eq!((state.doubt, state.trusted), (None, wall));
    }
    assert_eq!(begun(T, T + STEP).doubt, None);
    assert_eq!(begun(T, T + STEP + 1).doubt, Some(ClockDoubt::Differs(STEP + 1)));
}

#[test]
fn the_time_goes_on_when_the_clock_jumps() {
    for jump in [STEP + 1, 60 * DAY, -STEP - 1, -DAY] {
        let mut state = begun(T, T);
        assert_eq!(state.now(look(T + 10 + jump, 10)), T + 10, "{jump}");
        assert_eq!(state.doubt, Some(ClockDoubt::Differs(jump)));
        assert_eq!(state.now(look(T + MINUTE, MINUTE)), T + MINUTE, "it is undone");
        assert_eq!(state.doubt, None);
    }
}

#[test]
fn messages_follow_a_jump_ahead_that_lasts_and_none_back() {
    for jump in [60 * DAY, -DAY] {
        let mut state = begun(T, T);
        let mut now = |passed| state.now(look(T + jump + passed, passed));
        assert_eq!(now(1), T + 1);
        assert_eq!(now(FOLLOW), T + FOLLOW, "{jump}");
        assert_eq!(now(FOLLOW + 1), T + FOLLOW + 1 + jump.max(0), "{jump}");
        assert_eq!((state.doubt, state.trusted), (Some(ClockDoubt::Differs(jump)), T + FOLLOW + 1));
    }
}

#[test]
fn a_clock_set_right_soon_after_boot_is_followed_at_once() {
    let record = Record { seen: T, ..Record::default() };
    let boot = |passed| ClockReading { wall: T + passed, steady: MINUTE + passed };
    let mut state = State::begin(record, None, boot(0));
    assert_eq!(state.now(boot(MINUTE)), T + MINUTE, "it goes by what it saw last");
    let set = |passed| ClockReading { wall: T + 3 * DAY + passed, ..boot(passed) };
    assert_eq!(state.now(set(2 * MINUTE)), T + 3 * DAY + 2 * MINUTE);
    assert_eq!(state.doubt, Some(ClockDoubt::Differs(3 * DAY)), "nothing is deleted for it");
    state.now(set(3 * DAY));
    state.now(set(3 * DAY + 2 * MINUTE));
    assert_eq!(state.doubt, None);
}

#[test]
fn a_clock_that_is_ahead_and_then_less_is_followed() {
    let mut state = begun(T, T + 63 * DAY);
    assert_eq!(state.now(look(T + 63 * DAY + 1, 1)), T + 63 * DAY + 1);
    assert_eq!(state.now(look(T + 3 * DAY + 2, 2)), T + 3 * DAY + 2);
    assert_eq!((state.doubt, state.given), (Some(ClockDoubt::Differs(3 * DAY)), T + 63 * DAY + 1));
    assert_eq!(state.trusted, T + 2);
}

#[test]
fn a_small_step_back_is_waited_for() {
    let mut state = begun(T, T);
    assert_eq!(state.now(look(T - MINUTE, 1)), T);
    assert_eq!(state.now(look(T - 1, MINUTE)), T);
    assert_eq!(state.now(look(T + 1, MINUTE + 2)), T + 1);
    assert_eq!(state.doubt, None);
}

#[test]
fn a_start_with_the_clock_ahead_is_believed_after_as_long() {
    let hour = 60 * MINUTE;
    let mut state = begun(T, T + hour);
    assert_eq!(state.now(look(T + hour, 0)), T + hour, "it was most likely stopped");
    assert_eq!(state.trusted, T, "but nothing is deleted for it");
    state.now(look(T + 2 * hour - 1, hour - 1));
    assert_eq!(state.doubt, Some(ClockDoubt::Differs(hour)));
    // A restart forgets nothing of it.
    let (seen, doubted) = (state.trusted, state.doubted);
    let record = Record { seen, doubted, ..Record::default() };
    let mut state = State::begin(record, None, look(T + 2 * hour - 1, 7));
    assert_eq!(state.doubt, Some(ClockDoubt::Differs(hour)));
    assert_eq!(state.now(look(T + 2 * hour, 8)), T + 2 * hour);
    assert_eq!((state.doubt, state.trusted, state.doubted), (None, T + 2 * hour, 0));
}

#[test]
fn a_start_with_the_clock_behind_is_not_believed_at_all() {
    let mut state = begun(T, T - DAY);
    for passed in [0, MINUTE, 9 * DAY] {
        assert_eq!(state.now(look(T - DAY + passed, passed)), T + passed);
        assert_eq!(state.doubt, Some(ClockDoubt::Differs(-DAY)));
    }
}

#[test]
fn what_was_told_wrongly_is_known_to_be_in_messages() {
    let mut state = begun(T, T + 60 * DAY);
    assert_eq!(state.now(look(T + 60 * DAY, 0)), T + 60 * DAY);
    assert_eq!(state.now(look(T + 1, 1)), T + 1, "the clock is set right");
    assert_eq!((state.doubt, state.given), (None, T + 60 * DAY));
}

#[test]
fn the_operator_may_confirm_either() {
    for ahead in [60 * DAY, -60 * DAY] {
        let mut state = begun(T, T + ahead);
        assert!(state.doubt.is_some());
        state.confirm(T + ahead, 1, look(T + ahead, 1));
        assert_eq!((state.doubt, state.trusted), (None, T + ahead));
        assert_eq!(state.now(look(T + ahead + 1, 2)), T + ahead + 1);
    }
}

#[test]
fn a_database_with_another_clock_is_asked_for_the_time() {
    let record = Record { seen: T, ..Record::default() };
    // Whichever of the two is wrong.
    let mut state = State::begin(record, Some(T + DAY - UP), look(T + 60 * DAY, 0));
    assert_eq!(state.now(look(T + 60 * DAY + 1, 1)), T + DAY + 1);
    let mut state = State::begin(record, Some(T + 60 * DAY - UP), look(T + DAY, 0));
    assert_eq!(state.now(look(T + DAY + 1, 1)), T + DAY + 1);
    let mut state = State::begin(record, Some(T - UP), look(T + DAY, 0));
    assert_eq!(state.doubt, Some(ClockDoubt::Differs(DAY)));
    assert_eq!(state.now(look(T + DAY + 1, 1)), T + 1, "as the database shows");
    assert_eq!(state.now(look(T + 3 * DAY, 2 * DAY)), T + 2 * DAY);
    assert!(state.doubt.is_some(), "it is not believed while the two differ");
    // The database's is the wrong one.
    let mut state = State::begin(record, Some(T - DAY - UP), look(T, 0));
    assert_eq!((state.doubt, state.now(look(T + 1, 1))), (Some(ClockDoubt::Database(DAY)), T + 1));
    state.confirm(T + 2, 1, look(T + 2, 2));
    assert_eq!(state.doubt, None);
}

#[test]
fn nothing_carries_an_earlier_time_than_what_is_there() {
    let postgres = acceptance::Cluster::shared().unwrap().database().unwrap();
    for url in ["sqlite::memory:", &postgres] {
        let store =
            Store::open(&url.parse().unwrap(), crate::ContactPolicy::Open, &|_| false).unwrap();
        let [alice, bob] =
            ["a@x", "b@x"].map(|it| store.create_account(it, "Name", "phc", T).unwrap());
        let say = |to, at| {
            let operation = crate::Operation::Post {
                to: wire::Recipient::Account(to),
                content: "x".to_owned(),
                files: Vec::new(),
                reply_to: None,
            };
            let retain = crate::Operation::SetRetention {
                with: wire::Peer::Account(to),
                days: Some(1 + 6 * (at % 2)),
            };
            let submissions = [operation, retain].map(|operation| crate::Submission {
                by: alice,
                reference: None,
                operation,
            });
            let batch = crate::Batch { submissions: submissions.into(), ..crate::Batch::default() };
            let news = store.commit(&batch, at).unwrap().events;
            news.into_iter()
                .map(|it| match it.body {
                    crate::EventBody::Entry(crate::Entry::Message(it)) => it.at,
                    crate::EventBody::Entry(crate::Entry::Retention(it)) => it.at,
                    other => panic!("{other:?}"),
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(say(bob, T + DAY), [T + DAY; 2]);
        store.clock.lock().state.given = T + DAY;
        assert_eq!(say(bob, T + 1), [T + DAY; 2], "{url}");
        assert_eq!(say(alice, T + 1), [T + 1; 2], "another conversation");
    }
}

/// Has it be so much later than the record says, as after a stop or with a clock that was wrong.
fn record_earlier(store: &Store, by: i64) {
    let sql = "update clock set seen = seen - $1 returning seen";
    store
        .write(Requester::Server, |engine| engine.run(in_test(sql), &[Value::Int(by)]).map(drop))
        .unwrap();
}

fn recorded(store: &Store) -> i64 {
    let sql = "select seen from clock";
    store.read(Requester::Server, in_test(sql), &[], |row| row.int(0)).unwrap()[0]
}

/// A database on each engine, and what it has to live as long as.
fn databases() -> [(crate::DatabaseUrl, Option<tempfile::TempDir>); 2] {
    let dir = tempfile::tempdir().unwrap();
    let sqlite = crate::DatabaseUrl::file(dir.path().join("messenger.db"));
    let postgres = acceptance::Cluster::shared().unwrap().database().unwrap();
    [(sqlite, Some(dir)), (postgres.parse().unwrap(), None)]
}

fn open(url: &crate::DatabaseUrl) -> Store {
    Store::open(url, crate::ContactPolicy::Open, &|_| false).unwrap()
}

fn confirm_today(store: &Store) {
    store.confirm_clock(Day::of(ClockReading::now().wall)).unwrap();
}

#[test]
fn what_is_confirmed_holds_for_all_programs_of_a_database() {
    for (url, _dir) in databases() {
        let first = open(&url);
        // The clock was 60 days ahead, and has been set right.
        record_earlier(&first, -60 * DAY);
        first.record_time().unwrap();
        let [one, two] = [(); 2].map(|()| open(&url));
        let all = [&first, &one, &two];
        assert!(all.iter().all(|it| it.clock_doubt() < -59 * DAY), "{url}");
        confirm_today(&one);
        // Those that have not heard of it keep their time as before.
        for other in [&two, &first] {
            other.record_time().unwrap();
            one.record_time().unwrap();
        }
        assert_eq!(all.map(Store::clock_doubt), [0; 3], "{url}");
        assert!((recorded(&one) - ClockReading::now().wall).abs() < STEP, "{url}");
        assert!((two.now() - ClockReading::now().wall).abs() < STEP, "{url}");
        assert_eq!(open(&url).clock_doubt(), 0, "{url}");
    }
}

#[test]
fn a_later_time_that_another_program_has_given_is_heard_of() {
    for (url, _dir) in databases() {
        let [one, two] = [(); 2].map(|()| open(&url));
        two.clock.lock().state.told += DAY;
        two.record_time().unwrap();
        one.record_time().unwrap();
        assert!(one.clock.has_given_later(ClockReading::now().wall), "{url}");
    }
}

#[test]
fn without_a_record_the_newest_message_is_gone_by() {
    for (url, _dir) in databases() {
        let store = open(&url);
        let [alice, bob, carol] =
            ["a@x", "b@x", "c@x"].map(|it| store.create_account(it, "Name", "phc", T).unwrap());
        let say = |store: &Store, to, at| {
            let content = "x".to_owned();
            let operation = crate::Operation::Post {
                to: wire::Recipient::Account(to),
                content,
                files: Vec::new(),
                reply_to: None,
            };
            let submissions = vec![crate::Submission { by: alice, reference: None, operation }];
            let batch = crate::Batch { submissions, ..crate::Batch::default() };
            match &store.commit(&batch, at).unwrap().events[0].body {
                crate::EventBody::Entry(crate::Entry::Message(it)) => it.at,
                other => panic!("{other:?}"),
            }
        };
        let forget = || {
            let sql = "update clock set seen = 0, given = 0 returning seen";
            store
                .write(Requester::Server, |engine| engine.run(in_test(sql), &[]).map(drop))
                .unwrap();
        };
        let now = ClockReading::now().wall;
        forget();
        assert_eq!(open(&url).clock_doubt(), 0, "nothing was said yet");
        // One from a clock that was wrong, in a conversation that is not the last.
        say(&store, bob, now + 60 * DAY);
        for (newest, told) in [(now - 3 * DAY, now), (now + DAY, now + DAY)] {
            say(&store, carol, newest);
            forget();
            let anew = open(&url);
            assert!((anew.clock_doubt() - (now - newest)).abs() < STEP, "{url}");
            let at = anew.now();
            assert!((at - told).abs() < STEP, "{url}");
            assert!(say(&anew, bob, at) >= now + 60 * DAY, "{url}");
        }
    }
}

#[test]
fn servers_whose_clocks_differ_agree_on_what_is_short() {
    let database = Some(T - UP);
    let begun = |ahead| {
        let look = look(T + ahead, 0);
        (State::begin(Record::default(), database, look), look)
    };
    for ahead in [-STEP, -3 * MINUTE, -1000, 0, 999, 1000, 3 * MINUTE, STEP] {
        let (mut state, look) = begun(ahead);
        let shared = (state.now(look), state.shared(look.wall, look));
        let same = if ahead.abs() < 1000 { T + ahead } else { T };
        assert_eq!(shared, (T + ahead, same));
        assert_eq!(state.shared(look.wall + DAY, look), same, "a clock that has jumped");
        assert_eq!(state.shared(look.wall - MINUTE, look), same - MINUTE);
    }
    let sqlite = State::begin(Record::default(), None, look(T, 0));
    assert_eq!(sqlite.shared(T, look(T, 0)), T);
}
