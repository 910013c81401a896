//! The keys of the handshake.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha1::{Digest as _, Sha1};

/// The suffix that a server adds to the client's key before it hashes it; RFC 6455, section 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Makes the client's `Sec-WebSocket-Key` of 16 random bytes, new ones for each handshake.
pub fn request_key(random: [u8; 16]) -> String {
    STANDARD.encode(random)
}

/// Makes the server's `Sec-WebSocket-Accept` for the key of a request.
pub fn accept_key(key: &[u8]) -> String {
    STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_match_the_examples_of_the_rfc() {
        assert_eq!(request_key(*b"the sample nonce"), "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
