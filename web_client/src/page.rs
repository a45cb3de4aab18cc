//! The page of the web client, and its security policy.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::asset::{Asset, SCRIPT_HASH, STYLE_HASH, asset};
use crate::coding::Coding;

/// What no file of the client may use: the value of its `Permissions-Policy`.
pub const PERMISSIONS_POLICY: &str = "camera=(), microphone=(), geolocation=(), payment=(), usb=()";

/// The place in the page where the URL of the chat server is inserted.
const HTML: &str = "<html ";

/// The page of one server.
#[derive(Debug)]
pub struct Page {
    asset: &'static Asset,
    /// The page, if the chat server has another URL than `/ws`.
    own: Option<Own>,
    content_security_policy: String,
}

/// A page that names another chat server.
#[derive(Debug)]
struct Own {
    html: Vec<u8>,
    gzip: Vec<u8>,
    /// The tag without its quotation marks.
    tag: String,
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

    /// The page's bytes, their coding and their `ETag`.
    pub fn negotiated(
        &self,
        accept_encoding: Option<&str>,
    ) -> (Coding, Cow<'static, [u8]>, String) {
        if let Some(own) = &self.own {
            let (coding, bytes) = match Coding::Gzip.is_accepted(accept_encoding) {
                true => (Coding::Gzip, &own.gzip),
                false => (Coding::Identity, &own.html),
            };
            let etag = format!("\"{}{}\"", own.tag, coding.etag_suffix());
            return (coding, bytes.clone().into(), etag);
        }
        let (coding, bytes) = self.asset.negotiated(accept_encoding);
        (coding, bytes.into(), self.asset.etag(coding))
    }
}

/// The page with the URL of the chat server.
fn with_chat(asset: &Asset, chat_url: &str) -> Own {
    let escaped = chat_url.replace('&', "&amp;").replace('"', "&quot;");
    let html = String::from_utf8_lossy(asset.identity);
    let html = html.replacen(HTML, &format!("{HTML}data-chat=\"{escaped}\" "), 1).into_bytes();
    let mut hasher = DefaultHasher::new();
    html.hash(&mut hasher);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(&html).and_then(|()| encoder.finish());
    let gzip = written.expect("a vector takes everything");
    Own { html, gzip, tag: format!("{:016x}", hasher.finish()) }
}

/// The policy allows our own files only, of what is in the page our own style and script, no markup or script from strings,
/// and requests only to our own origin and the chat server.
fn content_security_policy(chat_url: Option<&str>) -> String {
    // What could end the directive is no part of a URL.
    let chat = chat_url.map(|url| url.replace([';', ',', ' '], "")).map(|url| format!(" {url}"));
    let chat = chat.unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self' '{SCRIPT_HASH}'; style-src 'self' '{STYLE_HASH}'; img-src 'self' blob:; \
         media-src 'self' blob:; connect-src 'self'{chat}; manifest-src 'self'; worker-src 'self'; \
         form-action 'none'; base-uri 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types app"
    )
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use data_encoding::BASE64;
    use flate2::read::GzDecoder;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn a_chat_elsewhere_is_named_in_the_page_and_in_the_policy() {
        let page = Page::new(Some("wss://chat.example/ws?a=1&b=\"2\""));
        let (coding, bytes, etag) = page.negotiated(Some("br, gzip"));
        assert!(bytes.len() < 60_000, "{} bytes", bytes.len());
        let mut html = String::new();
        GzDecoder::new(&*bytes).read_to_string(&mut html).unwrap();
        assert!(html.contains(
            r#"<html data-chat="wss://chat.example/ws?a=1&amp;b=&quot;2&quot;" lang="en">"#
        ));
        assert_eq!(coding, Coding::Gzip);
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
    #[test]
    fn of_what_is_in_the_page_the_policy_allows_our_own_script_and_style_and_nothing_else() {
        for page in [Page::new(None), Page::new(Some("wss://chat.example/ws"))] {
            let html = String::from_utf8(page.negotiated(None).1.into_owned()).unwrap();
            let policy = page.content_security_policy();
            for (kind, start, count) in [("script", "<script", 1), ("style", "<style", 1)] {
                let end = format!("</{kind}>");
                let parts: Vec<_> = html.split(start).skip(1).collect();
                assert_eq!(parts.len(), count, "{kind}");
                let hashes: Vec<_> = parts
                    .iter()
                    .map(|part| part.split_once('>').unwrap().1.split_once(&end).unwrap().0)
                    .map(|text| format!("'sha256-{}'", BASE64.encode(&Sha256::digest(text))))
                    .collect();
                let wanted = format!("{kind}-src 'self' {}; ", hashes.join(" "));
                assert!(policy.contains(&wanted), "{policy} has no {wanted}");
            }
            assert!(!policy.contains("unsafe"), "{policy}");
        }
    }
}
