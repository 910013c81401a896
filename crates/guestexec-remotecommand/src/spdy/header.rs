//! Header blocks that are sent: name/value pairs in zlib with the SPDY/3 dictionary, one zlib stream a direction.
//!
//! They are written as stored blocks. All headers of a session together are under 100 bytes, so compression gains nothing,
//! and a client needs no zlib library.

/// zlib's header: a 32 KiB window, a dictionary, and the dictionary's Adler-32.
const ZLIB_HEADER: [u8; 6] = [0x78, 0x20, 0xe3, 0xc6, 0xa7, 0xc2];
/// The empty block that ends zlib's sync flush. Go's reader returns data only after it.
const SYNC: [u8; 5] = [0, 0, 0, 0xff, 0xff];

/// Encodes header blocks.
#[derive(Debug, Default)]
pub(crate) struct HeaderWriter {
    started: bool,
}

impl HeaderWriter {
    /// Appends the block of these headers.
    pub(crate) fn write(&mut self, headers: &[(&str, &str)], out: &mut Vec<u8>) {
        let mut plain = (headers.len() as u32).to_be_bytes().to_vec();
        for text in headers.iter().flat_map(|(name, value)| [name, value]) {
            plain.extend((text.len() as u32).to_be_bytes());
            plain.extend(text.as_bytes());
        }
        if !std::mem::replace(&mut self.started, true) {
            out.extend(ZLIB_HEADER);
        }
        for stored in plain.chunks(usize::from(u16::MAX)) {
            let len = stored.len() as u16;
            out.push(0);
            out.extend(len.to_le_bytes());
            out.extend((!len).to_le_bytes());
            out.extend(stored);
        }
        out.extend(SYNC);
    }
}
