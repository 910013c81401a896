use sha1::{Digest as _, Sha1};

use crate::base64;

/// What a server appends to the client's key, so that its answer is one to this handshake; RFC 6455, section 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The client's `Sec-WebSocket-Key`, out of 16 bytes that are new for each handshake.
pub fn request_key(random: [u8; 16]) -> String {
    let mut key = String::with_capacity(24);
    base64::encode(&random, &mut key);
    key
}

/// The server's `Sec-WebSocket-Accept`, to a key as it stands in the request.
pub fn accept_key(key: &[u8]) -> String {
    let hash = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut accept = String::with_capacity(28);
    base64::encode(&hash, &mut accept);
    accept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_standard() {
        assert_eq!(request_key(*b"the sample nonce"), "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
