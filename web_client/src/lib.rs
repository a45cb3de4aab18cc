//! The files of the web client (`web/`), compressed, with their types, their caching rules and the security policy for
//! browsers. The build script creates the table of files. This crate knows no server and no request.

mod asset;
mod coding;
mod page;

pub use asset::{ASSETS, Asset, BUILD, asset};
pub use coding::Coding;
pub use page::{PERMISSIONS_POLICY, Page};
