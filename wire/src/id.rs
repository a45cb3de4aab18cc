//! Numbers that must not be taken for one another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// An account, counted up by the database from 1; in guest mode a connection, counted from 1.
    AccountId
);
id!(
    /// A stored message, counted up by the database from 1.
    MessageId
);
id!(
    /// A group; it shares its counter with other conversations.
    GroupId
);
id!(
    /// A device's login.
    SessionId
);
id!(
    /// A place in one account's log, counted from 1 without a hole; 0 is before the first.
    Seq
);

impl Seq {
    /// The place after this one.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The place before this one.
    pub const fn before(self) -> Self {
        Self(self.0 - 1)
    }
}
