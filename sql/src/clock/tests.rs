use super::record::Record;
use super::*;

const T: i64 = 1_800_000_000_000;
const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
/// The longest step that is no step.
const STEP: i64 = CLOCK_STEP_MAX.as_millis() as i64;

fn look(wall: i64, steady: i64) -> Look {
    Look { wall, steady }
}

fn begun(seen: i64, wall: i64) -> State {
    State::begin(Record { seen, ..Record::default() }, 0, look(wall, 0))
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
    assert_eq!(begun(T, T + STEP + 1).doubt, Some(Doubt::Differs(STEP + 1)));
}

#[test]
fn the_time_goes_on_when_the_clock_jumps() {
    for jump in [STEP + 1, 60 * DAY, -STEP - 1, -DAY] {
        let mut state = begun(T, T);
        assert_eq!(state.now(look(T + 10 + jump, 10)), T + 10, "{jump}");
        assert_eq!(state.doubt, Some(Doubt::Differs(jump)));
        assert_eq!(state.now(look(T + MINUTE, MINUTE)), T + MINUTE, "it is undone");
        assert_eq!(state.doubt, None);
    }
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
    assert_eq!(state.doubt, Some(Doubt::Differs(hour)));
    // A restart forgets nothing of it.
    let record = Record { seen: state.trusted, doubted: state.doubted, given: 0 };
    let mut state = State::begin(record, 0, look(T + 2 * hour - 1, 7));
    assert_eq!(state.doubt, Some(Doubt::Differs(hour)));
    assert_eq!(state.now(look(T + 2 * hour, 8)), T + 2 * hour);
    assert_eq!((state.doubt, state.trusted, state.doubted), (None, T + 2 * hour, 0));
}

#[test]
fn a_start_with_the_clock_behind_is_not_believed_at_all() {
    let mut state = begun(T, T - DAY);
    for passed in [0, MINUTE, 9 * DAY] {
        assert_eq!(state.now(look(T - DAY + passed, passed)), T + passed);
        assert_eq!(state.doubt, Some(Doubt::Differs(-DAY)));
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
        state.confirm(look(T + ahead, 1));
        assert_eq!((state.doubt, state.trusted), (None, T + ahead));
        assert_eq!(state.now(look(T + ahead + 1, 2)), T + ahead + 1);
    }
}

#[test]
fn a_database_with_another_clock_is_asked_for_the_time() {
    let with = |database| {
        State::begin(Record { seen: T, ..Record::default() }, database, look(T + DAY, 0))
    };
    let mut state = with(-DAY);
    assert_eq!(state.doubt, Some(Doubt::Differs(DAY)));
    assert_eq!(state.now(look(T + DAY + 1, 1)), T + 1, "as the database shows");
    assert_eq!(state.now(look(T + 3 * DAY, 2 * DAY)), T + 2 * DAY);
    assert!(state.doubt.is_some(), "it is not believed while the two differ");
    // The database's is the wrong one.
    let mut state = State::begin(Record { seen: T, ..Record::default() }, -DAY, look(T, 0));
    assert_eq!((state.doubt, state.now(look(T + 1, 1))), (Some(Doubt::Database(DAY)), T + 1));
    state.confirm(look(T + 2, 2));
    assert_eq!(state.doubt, None);
}

#[test]
fn nothing_carries_an_earlier_time_than_what_is_there() {
    let postgres = acceptance::Cluster::shared().unwrap().database().unwrap();
    for url in ["sqlite::memory:", &postgres] {
        let store = Store::open(&url.parse().unwrap(), crate::Contact::Open, &|_| false).unwrap();
        let [alice, bob] =
            ["a@x", "b@x"].map(|it| store.create_account(it, "Name", "phc", T).unwrap());
        let say = |to, at| {
            let deed = crate::Deed::Post {
                to: wire::To::Account(to),
                content: "x".to_owned(),
                reply_to: None,
            };
            let retain =
                crate::Deed::Retain { with: wire::With::Account(to), days: Some(1 + 6 * (at % 2)) };
            let acts = [deed, retain].map(|deed| crate::Act { by: alice, reference: None, deed });
            let batch = crate::Batch { acts: acts.into(), ..crate::Batch::default() };
            let news = store.commit(&batch, at).unwrap().news;
            news.into_iter()
                .map(|it| match it.what {
                    crate::What::Entry(crate::Entry::Message(it)) => it.at,
                    crate::What::Entry(crate::Entry::Retention(it)) => it.at,
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
