//! Finds the `ref` of a frame that cannot be parsed. Without an answer under its `ref` a client would repeat the frame for ever.

/// The `ref` of an object whose other parts need not be valid JSON. The last one counts if there are several, as in JavaScript.
pub(super) fn reference(text: &str) -> Option<String> {
    let mut found = None;
    let (mut rest, mut depth) = (skip_space(text), 0_usize);
    if !rest.starts_with('{') {
        return None;
    }
    while let Some(next) = rest.chars().next() {
        if next == '"' {
            let (key, after) = split_string(rest);
            rest = after;
            let value = skip_space(after).strip_prefix(':').filter(|_| depth == 1);
            if let Some(value) = value.filter(|_| decoded(key).as_deref() == Some("ref")) {
                let value = skip_space(value);
                found = value.starts_with('"').then(|| decoded(split_string(value).0)).flatten();
            }
            continue;
        }
        match next {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        rest = &rest[next.len_utf8()..];
    }
    found
}

/// Splits the text after the string at its beginning, which includes its quotes. A string without an end is the whole text.
fn split_string(text: &str) -> (&str, &str) {
    let mut is_escaped = true; // the quote at the beginning
    let end = text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    text.split_at(end.map_or(text.len(), |end| end + 1))
}

fn decoded(string: &str) -> Option<String> {
    serde_json::from_str(string).ok()
}

fn skip_space(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r'])
}
