//! Web Push: notifies browsers that are not connected of new messages.
//!
//! A browser subscribes at the push service of its vendor and gives this server an [`Endpoint`] there and its keys. A
//! [`Sender`] encrypts a push for the browser alone (RFC 8291) and sends it to that endpoint (RFC 8030), signed with the
//! server's own key (RFC 8292). A push contains neither names nor texts.
//!
//! An endpoint is a URL that a stranger has chosen. So it must be on the public internet, unless the operator allows its origin. The
//! connection is made to the address that was checked, and redirections are not followed.
//!
//! This crate knows no account and no database: `sql/src/push/` decides which subscriptions get a push, and `auth/src/pusher.rs` sends.

mod address;
mod encrypt;
mod endpoint;
pub mod limit;
mod resolver;
mod sender;
mod vapid;

pub use address::is_public;
pub use encrypt::{KeysError, SubscriptionKeys};
pub use endpoint::{AllowedOrigin, Endpoint, EndpointError};
pub use sender::{Delivery, Sender};
pub use vapid::{KeyError, ServerKey};
