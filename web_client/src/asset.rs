//! The table of files, which the build script has created.

use crate::coding::Coding;

/// A file of the web client.
#[derive(Debug)]
pub struct Asset {
    /// The path of its URL.
    pub path: &'static str,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// Its bytes.
    pub identity: &'static [u8],
    /// Its bytes in gzip (RFC 1952), if that is shorter.
    pub gzip: Option<&'static [u8]>,
    /// Its bytes in Brotli (RFC 7932), if that is shorter.
    pub brotli: Option<&'static [u8]>,
    /// Whether the URL contains the build hash, so that its contents never change.
    pub is_immutable: bool,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The file at this path of a URL.
pub fn asset(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

impl Asset {
    /// The shortest form that a client with this `Accept-Encoding` accepts, and its coding.
    pub fn negotiated(&self, accept_encoding: Option<&str>) -> (Coding, &'static [u8]) {
        let codings = [(Coding::Brotli, self.brotli), (Coding::Gzip, self.gzip)];
        let taken = codings.into_iter().find_map(|(coding, bytes)| {
            bytes.filter(|_| coding.is_accepted(accept_encoding)).map(|bytes| (coding, bytes))
        });
        taken.unwrap_or((Coding::Identity, self.identity))
    }

    /// The value of `ETag`. Each coding has its own, as RFC 9110 wants it.
    pub fn etag(&self, coding: Coding) -> String {
        format!("\"{BUILD}{}\"", coding.etag_suffix())
    }

    /// The value of `Cache-Control`.
    pub fn cache_control(&self) -> &'static str {
        if self.is_immutable { "public, max-age=31536000, immutable" } else { "no-cache" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_of(mut reader: impl std::io::Read) -> Vec<u8> {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn every_file_has_one_address_below_the_build_hash_and_entries_have_their_own() {
        for name in ["/", "/sw.js", "/manifest.json"] {
            let entry = asset(name).unwrap();
            assert!(!entry.is_immutable, "{name}");
            assert_eq!(entry.cache_control(), "no-cache");
            let text = str::from_utf8(entry.identity).unwrap();
            assert!(text.contains(BUILD) && !text.contains("BUILDHASH"), "{name}");
        }
        let below = format!("/web/{BUILD}/");
        for file in ASSETS.iter().filter(|file| file.is_immutable) {
            assert!(file.path.starts_with(&below), "{}", file.path);
            assert_eq!(ASSETS.iter().filter(|other| other.path == file.path).count(), 1);
        }
        assert_eq!(BUILD.len(), 16);
        assert!(asset(&format!("{below}later.js")).is_some());
    }

    #[test]
    fn what_only_development_needs_is_not_served() {
        for file in ASSETS {
            for hidden in ["/test/", ".d.ts", ".mjs", ".config.js", "jsconfig", "/.", ".md", ".sh"]
            {
                assert!(!file.path.contains(hidden), "{}", file.path);
            }
        }
        assert!(ASSETS.len() > 5, "{} files", ASSETS.len());
    }

    #[test]
    fn the_page_names_only_files_that_are_there() {
        let page = str::from_utf8(asset("/").unwrap().identity).unwrap();
        let named = page.split('"').filter(|text| text.starts_with("/web/"));
        let missing: Vec<_> = named.filter(|path| asset(path).is_none()).collect();
        assert_eq!(missing, Vec::<&str>::new());
    }

    #[test]
    fn every_coding_unpacks_to_the_same_bytes() {
        for file in ASSETS {
            if let Some(packed) = file.gzip {
                assert_eq!(
                    all_of(flate2::read::GzDecoder::new(packed)),
                    file.identity,
                    "{}",
                    file.path
                );
            }
            if let Some(packed) = file.brotli {
                assert_eq!(
                    all_of(brotli::Decompressor::new(packed, 4096)),
                    file.identity,
                    "{}",
                    file.path
                );
            }
        }
        assert!(asset("/").unwrap().gzip.is_some() && asset("/").unwrap().brotli.is_some());
    }

    #[test]
    fn comments_and_indents_are_left_out_of_modules() {
        let later = asset(&format!("/web/{BUILD}/later.js")).unwrap();
        let text = str::from_utf8(later.identity).unwrap();
        for line in text.lines() {
            assert!(!line.starts_with([' ', '\t']) && !line.starts_with("//"), "{line}");
        }
        assert!(text.contains("$makers[\"ui/panes.js\"]"), "{text}");
    }

    #[test]
    fn modules_are_joined_and_none_is_missing_or_there_twice() {
        let text = |path: &str| str::from_utf8(asset(path).unwrap().identity).unwrap();
        let files = [
            text("/"),
            text(&format!("/web/{BUILD}/main.js")),
            text(&format!("/web/{BUILD}/later.js")),
        ];
        for (path, place) in [
            ("boot.js", 0),
            ("ui/login.js", 0),
            ("main.js", 1),
            ("core/reduce.js", 1),
            ("ui/panes.js", 2),
            ("wire/upload.js", 2),
        ] {
            let maker = format!("$makers[{path:?}] = ");
            let counts = files.map(|file| file.matches(&maker).count());
            assert_eq!(counts, [0, 1, 2].map(|at| usize::from(at == place)), "{path}");
        }
        for file in files {
            assert!(!file.contains("\nimport ") && !file.contains("\nexport {"));
        }
        let page = files[0];
        assert!(!page.contains("rel=\"stylesheet\""), "{page}");
    }

    #[test]
    fn a_client_gets_the_shortest_coding_that_it_takes() {
        let page = asset("/").unwrap();
        let coding = |accept| page.negotiated(accept).0;
        assert_eq!(coding(Some("gzip, deflate, br, zstd")), Coding::Brotli);
        assert_eq!(coding(Some("gzip")), Coding::Gzip);
        assert_eq!(coding(Some("br;q=0, gzip;q=0.5")), Coding::Gzip);
        assert_eq!(coding(None), Coding::Identity);
        assert_eq!(page.negotiated(Some("br")).1, page.brotli.unwrap());
        let picture = ASSETS.iter().find(|file| file.path.ends_with("512.png")).unwrap();
        assert_eq!(picture.negotiated(Some("br, gzip")), (Coding::Identity, picture.identity));
        let tags = [Coding::Brotli, Coding::Gzip, Coding::Identity].map(|coding| page.etag(coding));
        assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2]);
    }

    #[test]
    fn the_first_visit_is_within_its_budget() {
        let main = format!("/web/{BUILD}/main.js");
        for (path, most) in [("/", 28_000), (&*main, 32_000)] {
            let file = asset(path).unwrap();
            for packed in [file.brotli, file.gzip] {
                let bytes = packed.map_or(usize::MAX, <[u8]>::len);
                assert!((10_000..=most).contains(&bytes), "{path}: {bytes} bytes");
            }
        }
    }
}
