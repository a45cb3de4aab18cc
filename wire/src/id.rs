//! Number types for ids, so that ids of different things cannot be mixed up.

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
    /// The id of an account, a whole number from 1. In guest mode: the number of a connection, from 1.
    AccountId
);
id!(
    /// The id of a stored message, a whole number from 1.
    /// It is higher than the ids of all earlier messages of its conversation.
    MessageId
);
id!(
    /// The id of a group, a whole number from 1. Ids are not consecutive.
    GroupId
);
id!(
    /// The id of a session, that is, of one login of a device.
    SessionId
);
id!(
    /// The number of an event in the log of one account, from 1 without a gap, except after a restore of a backup.
    /// 0 is before the first event.
    Seq
);

impl Seq {
    /// The next number.
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The previous number.
    pub const fn before(self) -> Self {
        Self(self.0 - 1)
    }
}
