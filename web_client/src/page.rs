//! The page of the web client, and its security policy.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::asset::{Asset, asset};
use crate::coding::Coding;

/// What no file of the client may use: the value of its `Permissions-Policy`.
pub const PERMISSIONS_POLICY: &str = "camera=(), microphone=(), geolocation=(), payment=(), usb=()";

/// The place in the page where the URL of the chat server is inserted.
const HTML: &str = "<html ";

/// The page of one server.
#[derive(Debug)]
pub struct Page {
    asset: &'static Asset,
    /// The page and its tag, if the chat server has another URL than `/ws`.
    own: Option<(String, String)>,
    content_security_policy: String,
}

impl Page {
    /// `chat_url` is the WebSocket URL of the chat server; `None`: `/ws` of the page's own origin.
    ///
    /// # Panics
    /// Never: the build script puts the page in.
    pub fn new(chat_url: Option<&str>) -> Self {
        let asset = asset("/").expect("the build script puts the page in");
        Self {
            asset,
            own: chat_url.map(|url| with_chat(asset, url)),
            content_security_policy: content_security_policy(chat_url),
        }
    }

    /// The value of `Content-Security-Policy` of every file.
    pub fn content_security_policy(&self) -> &str {
        &self.content_security_policy
    }

    /// The page's bytes, their coding and their `ETag`. A page that names another chat server is never compressed.
    pub fn negotiated(
        &self,
        accept_encoding: Option<&str>,
    ) -> (Coding, Cow<'static, [u8]>, String) {
        if let Some((html, etag)) = &self.own {
            return (Coding::Identity, html.clone().into_bytes().into(), etag.clone());
        }
        let (coding, bytes) = self.asset.negotiated(accept_encoding);
        (coding, bytes.into(), self.asset.etag(coding))
    }
}

/// The page with the URL of the chat server, and its tag.
fn with_chat(asset: &Asset, chat_url: &str) -> (String, String) {
    let escaped = chat_url.replace('&', "&amp;").replace('"', "&quot;");
    let html = String::from_utf8_lossy(asset.identity);
    let html = html.replacen(HTML, &format!("{HTML}data-chat=\"{escaped}\" "), 1);
    let mut hasher = DefaultHasher::new();
    html.hash(&mut hasher);
    (html, format!("\"{:016x}\"", hasher.finish()))
}

/// The policy allows our own files only, no markup or script from strings, and requests only to our own origin and the
/// chat server.
fn content_security_policy(chat_url: Option<&str>) -> String {
    // What could end the directive is no part of a URL.
    let chat = chat_url.map(|url| url.replace([';', ',', ' '], "")).map(|url| format!(" {url}"));
    let chat = chat.unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; \
         media-src 'self' blob:; connect-src 'self'{chat}; manifest-src 'self'; worker-src 'self'; \
         form-action 'none'; base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types app"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chat_elsewhere_is_named_in_the_page_and_in_the_policy() {
        let page = Page::new(Some("wss://chat.example/ws?a=1&b=\"2\""));
        let (coding, bytes, etag) = page.negotiated(Some("br"));
        let html = String::from_utf8(bytes.into_owned()).unwrap();
        assert!(html.contains(
            r#"<html data-chat="wss://chat.example/ws?a=1&amp;b=&quot;2&quot;" lang="en">"#
        ));
        assert_eq!(coding, Coding::Identity);
        let other = Page::new(Some("wss://other.example/ws"));
        assert_ne!(other.negotiated(None).2, etag);
        let policy = other.content_security_policy();
        assert!(policy.contains("; connect-src 'self' wss://other.example/ws; "), "{policy}");
    }

    #[test]
    fn otherwise_the_page_is_as_it_was_built() {
        let page = Page::new(None);
        let (coding, bytes, _) = page.negotiated(Some("br"));
        assert_eq!((coding, &*bytes), (Coding::Brotli, asset("/").unwrap().brotli.unwrap()));
        let policy = page.content_security_policy();
        assert!(policy.contains("; connect-src 'self'; "), "{policy}");
        assert!(policy.contains("require-trusted-types-for 'script'"), "{policy}");
    }
}
