//! How much of a text JSON writes without escapes.

/// Bytes that are checked at a time.
const BLOCK: usize = 16;

/// The number of bytes at the start that need no escape in JSON.
pub(crate) fn plain_bytes(text: &[u8]) -> usize {
    let clean =
        BLOCK * text.as_chunks::<BLOCK>().0.iter().take_while(|block| is_plain(block)).count();
    clean + text[clean..].iter().take_while(|byte| is_plain(&[**byte])).count()
}

/// Three passes without an early exit, so that the compiler vectorises them.
fn is_plain<const N: usize>(block: &[u8; N]) -> bool {
    let has = |is: fn(u8) -> bool| block.iter().fold(false, |any, byte| any | is(*byte));
    !(has(|byte| byte < 0x20) | has(|byte| byte == b'"') | has(|byte| byte == b'\\'))
}
