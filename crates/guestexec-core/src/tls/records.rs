//! The encryption of records.

use rustls::{
    ConnectionTrafficSecrets, ContentType, Error, ProtocolVersion,
    crypto::cipher::{
        AeadKey, InboundOpaqueMessage, InboundPlainMessage, Iv, KeyBlockShape, MessageDecrypter,
        MessageEncrypter, NONCE_LEN, Nonce, OutboundOpaqueMessage, OutboundPlainMessage,
        PrefixedPayload, Tls12AeadAlgorithm, Tls13AeadAlgorithm, UnsupportedOperationError,
        make_tls12_aad, make_tls13_aad,
    },
};

use super::primitives::aead;

/// Longest content of a record (RFC 8446, section 5.1).
const LONGEST: usize = 1 << 14;
/// The bytes of an AES-GCM nonce that TLS 1.2 sends with each record.
pub(super) const EXPLICIT: usize = 8;

/// rustls gives keys of the length that the algorithm says it has.
fn key(algorithm: &'static aead::Algorithm, key: &AeadKey) -> aead::LessSafeKey {
    let key = aead::UnboundKey::new(algorithm, key.as_ref()).expect("a key is as long as asked");
    aead::LessSafeKey::new(key)
}

fn nonce(iv: &Iv, sequence: u64) -> aead::Nonce {
    aead::Nonce::assume_unique_for_key(Nonce::new(iv, sequence).0)
}

/// The records of TLS 1.3 under this algorithm.
pub(super) struct Records13(pub(super) &'static aead::Algorithm);

impl Tls13AeadAlgorithm for Records13 {
    fn encrypter(&self, secret: AeadKey, iv: Iv) -> Box<dyn MessageEncrypter> {
        Box::new(Key13 { key: key(self.0, &secret), iv })
    }

    fn decrypter(&self, secret: AeadKey, iv: Iv) -> Box<dyn MessageDecrypter> {
        Box::new(Key13 { key: key(self.0, &secret), iv })
    }

    fn key_len(&self) -> usize {
        self.0.key_len()
    }

    /// The keys for a kernel that takes over a connection, which is not supported.
    fn extract_keys(
        &self,
        _: AeadKey,
        _: Iv,
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

struct Key13 {
    key: aead::LessSafeKey,
    iv: Iv,
}

impl MessageEncrypter for Key13 {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        sequence: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let length = self.encrypted_payload_len(message.payload.len());
        let mut payload = PrefixedPayload::with_capacity(length);
        payload.extend_from_chunks(&message.payload);
        payload.extend_from_slice(&message.typ.to_array());
        let aad = aead::Aad::from(make_tls13_aad(length));
        self.key
            .seal_in_place_append_tag(nonce(&self.iv, sequence), aad, &mut payload)
            .map_err(|_| Error::EncryptError)?;
        // What TLS 1.3 sends looks like data of 1.2 (RFC 8446, section 5.1).
        let (kind, version) = (ContentType::ApplicationData, ProtocolVersion::TLSv1_2);
        Ok(OutboundOpaqueMessage::new(kind, version, payload))
    }

    fn encrypted_payload_len(&self, length: usize) -> usize {
        length + 1 + self.key.algorithm().tag_len()
    }
}

impl MessageDecrypter for Key13 {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        sequence: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let payload = &mut message.payload;
        if payload.len() < self.key.algorithm().tag_len() {
            return Err(Error::DecryptError);
        }
        let aad = aead::Aad::from(make_tls13_aad(payload.len()));
        let plain = self.key.open_in_place(nonce(&self.iv, sequence), aad, payload);
        let length = plain.map_err(|_| Error::DecryptError)?.len();
        payload.truncate(length);
        message.into_tls13_unpadded_message()
    }
}

/// The records of TLS 1.2 under this algorithm, with so many bytes of the nonce in front of each record:
/// [`EXPLICIT`] under AES-GCM (RFC 5288), none under ChaCha20-Poly1305 (RFC 7905).
pub(super) struct Records12(pub(super) &'static aead::Algorithm, pub(super) usize);

impl Records12 {
    /// The key with the joined parts of the IV. A decrypter lacks the second part, which is zero then.
    fn key(&self, secret: &AeadKey, parts: &[&[u8]]) -> Box<Key12> {
        let mut iv = parts.concat();
        iv.resize(NONCE_LEN, 0);
        Box::new(Key12 { key: key(self.0, secret), iv: Iv::copy(&iv), explicit: self.1 })
    }
}

impl Tls12AeadAlgorithm for Records12 {
    fn encrypter(&self, secret: AeadKey, iv: &[u8], extra: &[u8]) -> Box<dyn MessageEncrypter> {
        self.key(&secret, &[iv, extra])
    }

    fn decrypter(&self, secret: AeadKey, iv: &[u8]) -> Box<dyn MessageDecrypter> {
        self.key(&secret, &[iv])
    }

    fn key_block_shape(&self) -> KeyBlockShape {
        let Self(algorithm, explicit) = *self;
        KeyBlockShape {
            enc_key_len: algorithm.key_len(),
            fixed_iv_len: NONCE_LEN - explicit,
            explicit_nonce_len: explicit,
        }
    }

    fn extract_keys(
        &self,
        _: AeadKey,
        _: &[u8],
        _: &[u8],
    ) -> Result<ConnectionTrafficSecrets, UnsupportedOperationError> {
        Err(UnsupportedOperationError)
    }
}

struct Key12 {
    key: aead::LessSafeKey,
    iv: Iv,
    explicit: usize,
}

impl MessageEncrypter for Key12 {
    fn encrypt(
        &mut self,
        message: OutboundPlainMessage<'_>,
        sequence: u64,
    ) -> Result<OutboundOpaqueMessage, Error> {
        let length = message.payload.len();
        let mut payload = PrefixedPayload::with_capacity(self.encrypted_payload_len(length));
        let nonce = nonce(&self.iv, sequence);
        payload.extend_from_slice(&nonce.as_ref()[NONCE_LEN - self.explicit..]);
        payload.extend_from_chunks(&message.payload);
        let aad = aead::Aad::from(make_tls12_aad(sequence, message.typ, message.version, length));
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce, aad, &mut payload.as_mut()[self.explicit..])
            .map_err(|_| Error::EncryptError)?;
        payload.extend_from_slice(tag.as_ref());
        Ok(OutboundOpaqueMessage::new(message.typ, message.version, payload))
    }

    fn encrypted_payload_len(&self, length: usize) -> usize {
        length + self.explicit + self.key.algorithm().tag_len()
    }
}

impl MessageDecrypter for Key12 {
    fn decrypt<'a>(
        &mut self,
        mut message: InboundOpaqueMessage<'a>,
        sequence: u64,
    ) -> Result<InboundPlainMessage<'a>, Error> {
        let payload = &mut message.payload;
        let overhead = self.explicit + self.key.algorithm().tag_len();
        let length = payload.len().checked_sub(overhead).ok_or(Error::DecryptError)?;
        let nonce = match self.explicit {
            0 => nonce(&self.iv, sequence),
            explicit => {
                // With the sequence number zero, it is the IV itself.
                let mut nonce = Nonce::new(&self.iv, 0).0;
                nonce[NONCE_LEN - explicit..].copy_from_slice(&payload[..explicit]);
                aead::Nonce::assume_unique_for_key(nonce)
            }
        };
        let aad = aead::Aad::from(make_tls12_aad(sequence, message.typ, message.version, length));
        let plain = self.key.open_within(nonce, aad, payload, self.explicit..);
        let length = plain.map_err(|_| Error::DecryptError)?.len();
        if length > LONGEST {
            return Err(Error::PeerSentOversizedRecord);
        }
        payload.truncate(length);
        Ok(message.into_plain_message())
    }
}
