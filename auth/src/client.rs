//! The web client: the page at `/`, its files, and their headers.

use http::{Head, Response};
use web_client::{Coding, PERMISSIONS_POLICY, Page};

/// The page and the headers, computed once for all requests.
pub(crate) struct Client {
    page: Page,
}

impl Client {
    /// `chat_url` is the URL of the chat server; `None`: `/ws` of the page's own origin.
    pub(crate) fn new(chat_url: Option<&str>) -> Self {
        Self { page: Page::new(chat_url) }
    }

    /// The response to a request for a file of the client, or of a browser for the page. `None` for other requests.
    pub(crate) fn respond(&self, head: &Head) -> Option<Response> {
        if !matches!(head.method.as_str(), "GET" | "HEAD") {
            return None;
        }
        let accepted = head.header("accept-encoding");
        if head.path() == "/" {
            let wants_page = head.values("accept").any(accepts_html);
            return wants_page.then(|| {
                let (coding, bytes, etag) = self.page.negotiated(accepted);
                self.file(head, "text/html; charset=utf-8", coding, bytes, etag)
                    .with_header("Cache-Control", "no-cache")
                    .with_header("Vary", "Accept, Accept-Encoding")
            });
        }
        let asset = web_client::asset(head.path())?;
        let (coding, bytes) = asset.negotiated(accepted);
        let response = self.file(head, asset.content_type, coding, bytes, asset.etag(coding));
        Some(
            response
                .with_header("Cache-Control", asset.cache_control())
                .with_header("Vary", "Accept-Encoding"),
        )
    }

    /// The file, or 304 if the browser has it.
    fn file(
        &self,
        head: &Head,
        content_type: &'static str,
        coding: Coding,
        bytes: impl Into<std::borrow::Cow<'static, [u8]>>,
        etag: String,
    ) -> Response {
        let is_known = head.values("if-none-match").any(|known| lists(known, &etag));
        let mut response = match is_known {
            true => Response::empty(304),
            false => Response::bytes(200, content_type, bytes),
        };
        if let Some(name) = coding.name().filter(|_| !is_known) {
            response = response.with_header("Content-Encoding", name);
        }
        let policy = self.page.content_security_policy().to_owned();
        response
            .with_header("ETag", etag)
            .with_header("Content-Security-Policy", policy)
            .with_header("Permissions-Policy", PERMISSIONS_POLICY)
    }
}

/// Whether an `Accept` header names HTML, as that of a browser does when it opens a page. Programs send `*/*`, or no
/// such header.
fn accepts_html(accept: &str) -> bool {
    let mut kinds = accept.split(',').filter_map(|kind| kind.split(';').next());
    kinds.any(|kind| kind.trim().eq_ignore_ascii_case("text/html"))
}

/// Whether an `If-None-Match` lists this tag (RFC 9110, section 13.1.2; compared weakly).
fn lists(header: &str, etag: &str) -> bool {
    let mut tags = header.split(',').map(str::trim);
    tags.any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag)
}

#[cfg(test)]
mod tests {
    use web_client::BUILD;

    use super::*;

    fn head(request: &str, lines: &[&str]) -> Head {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        Head::parse(format!("{request} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n").as_bytes())
            .unwrap()
    }

    fn get(path: &str, lines: &[&str]) -> Option<Response> {
        Client::new(None).respond(&head(&format!("GET {path}"), lines))
    }

    const BROWSER: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8";

    #[test]
    fn a_browser_gets_the_page_and_a_program_does_not() {
        let page = get("/", &[BROWSER]).unwrap();
        assert_eq!(page.status, 200);
        assert_eq!(page.header("Content-Type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("Cache-Control"), Some("no-cache"));
        assert_eq!(page.header("Vary"), Some("Accept, Accept-Encoding"));
        let policy = page.header("Content-Security-Policy").unwrap().to_owned();
        assert!(policy.contains("require-trusted-types-for 'script'; trusted-types app"));
        assert_eq!(page.header("Permissions-Policy"), Some(PERMISSIONS_POLICY));
        let html = String::from_utf8(page.into_bytes().unwrap()).unwrap();
        assert!(html.contains(&format!("/web/{BUILD}/later.js")), "{html}");
        for program in [&[][..], &["Accept: */*"], &["Accept: application/json"]] {
            assert!(get("/", program).is_none(), "{program:?}");
        }
        let posted = head("POST /", &[BROWSER]);
        assert!(Client::new(None).respond(&posted).is_none());
    }

    #[test]
    fn files_below_the_build_hash_never_change_and_the_others_are_asked_for() {
        let later = get(&format!("/web/{BUILD}/later.js"), &["Accept-Encoding: gzip, br"]).unwrap();
        assert_eq!(later.header("Cache-Control"), Some("public, max-age=31536000, immutable"));
        assert_eq!(later.header("Content-Type"), Some("text/javascript; charset=utf-8"));
        assert_eq!(later.header("Content-Encoding"), Some("br"));
        assert_eq!(later.header("Vary"), Some("Accept-Encoding"));
        for path in ["/sw.js", "/manifest.json"] {
            assert_eq!(get(path, &[]).unwrap().header("Cache-Control"), Some("no-cache"));
        }
        for path in [
            "/web/0123456789abcdef/later.js",
            "/web/BUILDHASH/later.js",
            &format!("/web/{BUILD}/boot.js"),
            &format!("/web/{BUILD}/index.html"),
            &format!("/web/{BUILD}/test/serve.mjs"),
            &format!("/web/{BUILD}/"),
            "/index.html",
            "/main.js",
        ] {
            assert!(get(path, &[BROWSER]).is_none(), "{path}");
        }
    }

    #[test]
    fn each_coding_has_its_bytes_and_its_tag_and_a_known_one_is_not_sent_again() {
        let asset = web_client::asset("/sw.js").unwrap();
        let mut tags = Vec::new();
        for (accepted, coding, bytes) in [
            ("Accept-Encoding: br", Some("br"), asset.brotli.unwrap()),
            ("Accept-Encoding: gzip, br;q=0", Some("gzip"), asset.gzip.unwrap()),
            ("Accept-Encoding: zstd", None, asset.identity),
        ] {
            let found = get("/sw.js", &[accepted]).unwrap();
            assert_eq!(found.header("Content-Encoding"), coding);
            let etag = found.header("ETag").unwrap().to_owned();
            assert_eq!(found.into_bytes().unwrap(), bytes);
            for known in [etag.clone(), format!("\"other\", W/{etag}"), "*".to_owned()] {
                let again = get("/sw.js", &[accepted, &format!("If-None-Match: {known}")]).unwrap();
                assert_eq!(again.status, 304, "{known}");
                assert_eq!(again.header("ETag"), Some(&*etag));
                assert_eq!(again.header("Content-Encoding"), None);
            }
            tags.push(etag);
        }
        let other = get("/sw.js", &["Accept-Encoding: br", &format!("If-None-Match: {}", tags[1])]);
        assert_eq!(other.unwrap().status, 200, "the tag of another coding");
    }

    #[test]
    fn the_policy_and_the_page_name_a_chat_elsewhere() {
        let client = Client::new(Some("wss://chat.example/ws"));
        let page = client.respond(&head("GET /", &[BROWSER])).unwrap();
        let policy = page.header("Content-Security-Policy").unwrap();
        assert!(policy.contains("connect-src 'self' wss://chat.example/ws;"), "{policy}");
        let html = String::from_utf8(page.into_bytes().unwrap()).unwrap();
        assert!(html.contains("data-chat=\"wss://chat.example/ws\""));
    }
}
