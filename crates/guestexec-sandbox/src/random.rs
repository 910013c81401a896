//! Identifiers and secrets from the operating system's random numbers.

fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system has a source of randomness");
    bytes
}

fn letters<const N: usize>(alphabet: &[u8]) -> String {
    // The modulo favours some letters slightly, which does not matter for a secret of this length.
    bytes::<N>()
        .iter()
        .map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()]))
        .collect()
}

/// A seed that no other sandbox has.
pub(crate) fn seed() -> u64 {
    u64::from_le_bytes(bytes())
}

/// A name of eight letters and digits, as in `inv-mp6m9vmu`.
pub(crate) fn short_id(prefix: &str) -> String {
    format!("{prefix}{}", letters::<8>(b"abcdefghijklmnopqrstuvwxyz0123456789"))
}

/// 32 letters and digits.
pub(crate) fn secret() -> String {
    letters::<32>(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
}

/// 32 hexadecimal digits.
pub(crate) fn hex32() -> String {
    letters::<32>(b"0123456789abcdef")
}

/// A version 4 UUID with hyphens.
pub(crate) fn uuid() -> String {
    let hex = hex32();
    let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..]);
    format!("{a}-{b}-4{c}-a{d}-{e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let id = short_id("inv-");
        assert!(id.len() == 12 && id.starts_with("inv-"), "{id}");
        assert!(hex32().len() == 32 && hex32().bytes().all(|b| b.is_ascii_hexdigit()));
        assert_ne!(secret(), secret());
        let uuid = uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
    }
}
