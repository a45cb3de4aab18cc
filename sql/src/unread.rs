//! Counts the unread messages of conversations.

use wire::limit::{UNREAD_LOOKED_AT_MAX, UNREAD_MAX};

use crate::engine::{BatchStatement, for_each_row, statements};

const _: () = assert!(UNREAD_MAX == 500 && UNREAD_LOOKED_AT_MAX == 5000, "as in UNREAD");

macro_rules! unread {
    ($after:literal, $upto:literal) => {
        concat!(
            "(select count(*) from (select 1 from (select e.message, e.kind, e.sender, e.deleted from entry e \
             where e.conversation = r.conversation and e.message > ",
            $after,
            " and e.message <= ",
            $upto,
            " order by e.message desc limit 5000) n \
             where n.kind = 0 and n.deleted = 0 and n.sender <> r.account limit 500) u)"
        )
    };
}

/// The newest withheld message up to a given one, or else the message after which the unread ones begin.
macro_rules! newest_withheld {
    ($bound:literal) => {
        concat!(
            "coalesce((select n.message from withheld n where n.account = r.account \
             and n.conversation = r.conversation and n.message > r.seen and ",
            $bound,
            " order by n.message desc limit 1), r.seen)"
        )
    };
}

statements! {
    /// Withheld messages split the unread ones into ranges, which are counted one by one, the newest first. `before` is the number of
    /// unread messages after `high`, and every message after `low` in the present range is visible. There are at most
    /// [`UNREAD_MAX`] ranges, since most of them have an unread message.
    pub(crate) static UNREAD: BatchStatement = for_each_row!(
        r(conversation bigint, account bigint, since bigint, until bigint, seen bigint, spared bigint),
        concat!(
            "select r.conversation, case when r.spared = 1 then ",
            unread!("r.seen", "r.until"),
            " else (with recursive piece (low, high, before, number) as (select ",
            newest_withheld!("n.message <= r.until"),
            ", r.until, cast(0 as bigint), 1 union all select ",
            newest_withheld!("n.message < w.run"),
            ", coalesce(w.run - 1, r.seen), p.before + ",
            unread!("p.low", "p.high"),
            ", p.number + 1 from piece p left join withheld w on w.message = p.low and w.account = r.account \
             and p.low > r.seen where p.high > r.seen and p.before < 500 and p.number <= 500) \
             select max(p.before) from piece p) end from r",
        )
    );
}
