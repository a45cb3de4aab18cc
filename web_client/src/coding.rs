//! Content codings and `Accept-Encoding` (RFC 9110, section 12.5.3).

/// A content coding: how bytes are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Not compressed.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
}

impl Coding {
    /// The value of `Content-Encoding`; `None` for bytes that are not compressed.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Brotli => Some("br"),
        }
    }

    pub(crate) fn etag_suffix(self) -> &'static str {
        match self {
            Self::Identity => "",
            Self::Gzip => "-gzip",
            Self::Brotli => "-br",
        }
    }

    /// Whether a client that sends this header accepts the coding. Every client accepts bytes that are not compressed.
    pub fn is_accepted(self, accept_encoding: Option<&str>) -> bool {
        let Some(name) = self.name() else { return true };
        let Some(header) = accept_encoding else { return false };
        let weight = |wanted: &str| {
            header.split(',').find_map(|part| {
                let mut words = part.split(';').map(str::trim);
                let is_it = words.next()?.eq_ignore_ascii_case(wanted);
                let q = words.find_map(|word| word.strip_prefix("q=").or(word.strip_prefix("Q=")));
                is_it.then(|| q.map_or(Some(1.0), |q| q.trim().parse::<f32>().ok()).unwrap_or(0.0))
            })
        };
        weight(name).or_else(|| weight("*")).is_some_and(|weight| weight > 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_says_what_is_taken() {
        for (header, gzip, brotli) in [
            ("", false, false),
            ("gzip", true, false),
            ("GZIP , Br", true, true),
            ("gzip;q=0, br", false, true),
            ("gzip; q=0.001, br ;q=0.000", true, false),
            ("*", true, true),
            ("*;q=0", false, false),
            ("*, br;q=0", true, false),
            ("identity", false, false),
            ("gzip;q=many", false, false),
            ("x-gzip, brotli", false, false),
        ] {
            assert_eq!(Coding::Gzip.is_accepted(Some(header)), gzip, "{header}");
            assert_eq!(Coding::Brotli.is_accepted(Some(header)), brotli, "{header}");
            assert!(Coding::Identity.is_accepted(Some(header)));
        }
        assert!(!Coding::Gzip.is_accepted(None));
    }
}
