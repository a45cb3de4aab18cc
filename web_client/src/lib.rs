//! The web client as it is served: the files of `web/`, their types, how long they may be kept, and the rules that the
//! browser is given with them. It knows no server and no request; the build script makes the table of files.

mod asset;
mod coding;
mod page;

pub use asset::{ASSETS, Asset, BUILD, asset};
pub use coding::Coding;
pub use page::{Page, SECURITY_HEADERS};
