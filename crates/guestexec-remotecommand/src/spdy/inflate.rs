//! Header blocks that are received. Only a server needs their content.

use super::Error;

pub(crate) type Headers = Vec<(Vec<u8>, Vec<u8>)>;

/// The longest block after inflation, in bytes. Real blocks are under 30.
const MAX_BLOCK: usize = 16 * 1024;

/// The dictionary of the SPDY/3 draft, section 2.6.10.1.
const DICTIONARY: &[u8] = include_bytes!("dictionary.bin");

/// Decodes header blocks.
#[derive(Debug)]
pub(crate) struct HeaderReader {
    zlib: flate2::Decompress,
    plain: Vec<u8>,
}

impl HeaderReader {
    pub(crate) fn new() -> Self {
        Self { zlib: flate2::Decompress::new(true), plain: Vec::new() }
    }

    /// Decodes one block. All blocks share one zlib stream, so each must be read, in order.
    pub(crate) fn read(&mut self, block: &[u8]) -> Result<Headers, Error> {
        self.inflate(block)?;
        parse(&self.plain).ok_or(Error::Malformed("header block"))
    }

    fn inflate(&mut self, block: &[u8]) -> Result<(), Error> {
        self.plain.clear();
        // One byte more than the limit shows that a block is too long.
        self.plain.reserve_exact(MAX_BLOCK + 1);
        let end = self.zlib.total_in() + block.len() as u64;
        loop {
            let rest = (end - self.zlib.total_in()) as usize;
            let rest = &block[block.len() - rest..];
            let result =
                self.zlib.decompress_vec(rest, &mut self.plain, flate2::FlushDecompress::Sync);
            match result {
                Ok(flate2::Status::Ok | flate2::Status::BufError)
                    if self.zlib.total_in() == end && self.plain.len() <= MAX_BLOCK =>
                {
                    return Ok(());
                }
                Err(error) if error.needs_dictionary().is_some() => {
                    self.zlib.set_dictionary(DICTIONARY).map_err(|_| Error::Headers)?;
                }
                _ => return Err(Error::Headers),
            }
        }
    }
}

fn parse(mut plain: &[u8]) -> Option<Headers> {
    let mut headers = Headers::new();
    for _ in 0..u32::from_be_bytes(*plain.split_off(..4)?.first_chunk()?) {
        let mut text = || {
            let len = u32::from_be_bytes(*plain.split_off(..4)?.first_chunk()?);
            plain.split_off(..len as usize).map(<[u8]>::to_vec)
        };
        headers.push((text()?, text()?));
    }
    plain.is_empty().then_some(headers)
}

#[cfg(test)]
mod tests {
    use super::super::header::HeaderWriter;
    use super::*;
    use flate2::{Compress, Compression, FlushCompress};
    use proptest::prelude::*;

    fn compress(zlib: &mut Compress, plain: &[u8]) -> Vec<u8> {
        let mut block = Vec::with_capacity(plain.len() + 1024);
        zlib.compress_vec(plain, &mut block, FlushCompress::Sync).unwrap();
        block
    }

    fn compressor() -> Compress {
        let mut zlib = Compress::new(Compression::best(), true);
        zlib.set_dictionary(DICTIONARY).unwrap();
        zlib
    }

    #[test]
    fn dictionary_is_that_of_the_draft() {
        assert_eq!(DICTIONARY.len(), 1423);
        let id = Compress::new(Compression::fast(), true).set_dictionary(DICTIONARY);
        assert_eq!(id.unwrap(), 0xe3c6_a7c2);
    }

    #[test]
    fn bombs_are_refused() {
        for (len, fits) in [(MAX_BLOCK - 12, true), (MAX_BLOCK - 11, false), (8 << 20, false)] {
            let mut plain = vec![0, 0, 0, 1, 0, 0, 0, 0];
            plain.extend((len as u32).to_be_bytes());
            plain.resize(plain.len() + len, b'a');
            let block = compress(&mut compressor(), &plain);
            let mut reader = HeaderReader::new();
            assert_eq!(reader.read(&block).is_ok(), fits, "{len}");
            assert!(reader.plain.capacity() <= 2 * MAX_BLOCK);
        }
    }

    #[test]
    fn malformed_blocks() {
        for plain in [
            &b""[..],
            b"\0\0\0",
            b"\0\0\0\x01",
            b"\0\0\0\x01\0\0\0\x09a",
            b"\xff\xff\xff\xff",
            b"\0\0\0\0x",
        ] {
            let block = compress(&mut compressor(), plain);
            assert_eq!(
                HeaderReader::new().read(&block),
                Err(Error::Malformed("header block")),
                "{plain:?}"
            );
        }
        assert_eq!(HeaderReader::new().read(b"not zlib"), Err(Error::Headers));
        let foreign = [0x78, 0x20, 1, 2, 3, 4];
        assert_eq!(HeaderReader::new().read(&foreign), Err(Error::Headers));
    }

    #[test]
    fn a_finished_zlib_stream_takes_no_more() {
        let mut block = Vec::with_capacity(1024);
        compressor().compress_vec(&[0; 4], &mut block, FlushCompress::Finish).unwrap();
        assert_eq!(HeaderReader::new().read(&block), Err(Error::Headers));
    }

    type Pairs = Vec<(String, String)>;

    proptest! {
        #[test]
        fn blocks_round_trip(blocks in prop::collection::vec(prop::collection::vec((".*", ".*"), 0..5) , 1..5)) {
            let blocks: Vec<Pairs> = blocks;
            let (mut writer, mut reader) = (HeaderWriter::default(), HeaderReader::new());
            for headers in &blocks {
                let pairs: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                let mut block = Vec::new();
                writer.write(&pairs, &mut block);
                let read = reader.read(&block).unwrap();
                prop_assert!(read.iter().map(|(n, v)| (&n[..], &v[..])).eq(pairs.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes()))));
            }
        }

        #[test]
        fn garbage_is_bounded(blocks: Vec<Vec<u8>>, with_header: bool) {
            let mut reader = HeaderReader::new();
            if with_header {
                let _ = reader.read(&[0x78, 0x20, 0xe3, 0xc6, 0xa7, 0xc2]);
            }
            for block in &blocks {
                let _ = reader.read(block);
                prop_assert!(reader.plain.capacity() <= 2 * MAX_BLOCK);
            }
        }
    }
}
