//! Reading an archive that may be hostile: headers by the library `tar`, bounded in every respect.

use std::io::{self, Read};

use guestexec_core::ErrorKind;
use tar::{EntryType, Header, PaxExtensions};

use super::worker::PIECE;
use crate::Error;

/// The unit of an archive, in bytes.
pub(super) const BLOCK: usize = 512;
/// The zeros that end an archive, in bytes.
pub(super) const END: u64 = 1024;
/// The longest name that a header has room for, in bytes.
pub(super) const NAME: usize = 100;

/// The longest extension of a header, in bytes; a path has 4 KiB at most on any known system.
const MAX_EXTENSION: u64 = 256 * 1024;
/// How many extensions one entry may have: a long name, a long link, one of POSIX and one for all.
const MAX_EXTENSIONS: usize = 4;
/// The bytes that may follow the end: `tar` fills its last record, which is 10 KiB unless told otherwise.
const MAX_FILLING: u64 = 1024 * 1024;

/// How many bytes fill the last block of content of this length.
pub(super) fn padding(length: u64) -> u64 {
    length.wrapping_neg() % BLOCK as u64
}

/// The error of an archive that is not taken, for this reason.
pub(super) fn refused(why: impl AsRef<str>) -> Error {
    Error::new(ErrorKind::Protocol, format!("the container's archive is refused: {}", why.as_ref()))
        .with_may_have_run(true)
}

/// Names an entry in a sentence.
pub(super) fn quoted(name: &[u8]) -> String {
    format!("`{}`", guestexec_core::beginning(&String::from_utf8_lossy(name), 200))
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Directory,
    File,
    Symlink,
    HardLink,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) target: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) size: u64,
    pub(super) mode: u32,
    pub(super) seconds: i64,
    pub(super) nanoseconds: u32,
}

/// The fields of extended headers for the entry that follows.
#[derive(Debug, Default)]
struct Extensions {
    name: Option<Vec<u8>>,
    target: Option<Vec<u8>>,
    size: Option<u64>,
    time: Option<(i64, u32)>,
}

pub(super) struct Archive<R> {
    input: R,
}

impl<R: Read> Archive<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input }
    }

    /// Reads the next header; none at the end, which is read to the end of the input.
    ///
    /// The content of a file is to be read before the next call.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Error> {
        let mut extensions = Extensions::default();
        for _ in 0..=MAX_EXTENSIONS {
            let block = self.block()?;
            if block == [0; BLOCK] {
                self.end()?;
                return Ok(None);
            }
            let header = Header::from_byte_slice(&block);
            check_sum(header)?;
            let size = header.entry_size().map_err(|_| refused("an entry has no valid size"))?;
            let kind = header.entry_type();
            let name = header.path_bytes();
            if is_extension(kind) {
                if size > MAX_EXTENSION {
                    return Err(refused(format!(
                        "an extended header has {size} bytes, and {MAX_EXTENSION} are allowed"
                    )));
                }
                let mut text = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
                self.content(size, |bytes| {
                    text.extend_from_slice(bytes);
                    Ok(())
                })?;
                extensions.add(kind, text)?;
                continue;
            }
            let target = header.link_name_bytes().unwrap_or_default();
            let name = extensions.name.take().unwrap_or_else(|| name.into_owned());
            let target = extensions.target.take().unwrap_or_else(|| target.into_owned());
            let invalid = |what: &str| refused(format!("{} has no valid {what}", quoted(&name)));
            let (seconds, nanoseconds) = match extensions.time {
                Some(time) => time,
                None => {
                    let seconds = header.mtime().map_err(|_| invalid("time"))?;
                    (i64::try_from(seconds).unwrap_or(i64::MAX), 0)
                }
            };
            return Ok(Some(Entry {
                kind: self::kind(kind, &name)?,
                size: extensions.size.unwrap_or(size),
                mode: header.mode().map_err(|_| invalid("mode"))?,
                seconds,
                nanoseconds,
                name,
                target,
            }));
        }
        Err(refused("an entry has more extended headers than any entry needs"))
    }

    /// Reads content of this length, in pieces.
    pub(super) fn content(
        &mut self,
        size: u64,
        mut take: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut buffer = vec![0; PIECE.min(usize::try_from(size).unwrap_or(PIECE))];
        let mut left = size;
        while left > 0 {
            let part = buffer.len().min(usize::try_from(left).unwrap_or(PIECE));
            self.input.read_exact(&mut buffer[..part]).map_err(cut)?;
            take(&buffer[..part])?;
            left -= part as u64;
        }
        let mut filling = [0; BLOCK];
        self.input.read_exact(&mut filling[..padding(size) as usize]).map_err(cut)
    }

    fn block(&mut self) -> Result<[u8; BLOCK], Error> {
        let mut block = [0; BLOCK];
        self.input.read_exact(&mut block).map_err(cut)?;
        Ok(block)
    }

    /// Reads what follows the first block of zeros.
    fn end(&mut self) -> Result<(), Error> {
        if self.block()? != [0; BLOCK] {
            return Err(refused("a block of zeros is followed by something else"));
        }
        let rest = io::copy(&mut (&mut self.input).take(MAX_FILLING + 1), &mut io::sink());
        match rest.map_err(cut)? {
            0..=MAX_FILLING => Ok(()),
            _ => Err(refused("it goes on after its end")),
        }
    }
}

fn cut(error: io::Error) -> Error {
    refused("it ends early").with_source(error)
}

fn check_sum(header: &Header) -> Result<(), Error> {
    let sum = header.as_bytes().iter().enumerate().map(|(place, byte)| match place {
        // The sum itself counts as blanks.
        148..156 => u32::from(b' '),
        _ => u32::from(*byte),
    });
    match header.cksum() {
        Ok(told) if told == sum.sum::<u32>() => Ok(()),
        _ => Err(refused("a header has a wrong checksum: it is damaged, or no archive at all")),
    }
}

fn is_extension(kind: EntryType) -> bool {
    kind.is_gnu_longname()
        || kind.is_gnu_longlink()
        || kind.is_pax_local_extensions()
        || kind.is_pax_global_extensions()
}

fn kind(kind: EntryType, name: &[u8]) -> Result<Kind, Error> {
    let other = match kind {
        // Before POSIX, a slash told a directory.
        EntryType::Regular if name.ends_with(b"/") => return Ok(Kind::Directory),
        EntryType::Regular | EntryType::Continuous => return Ok(Kind::File),
        EntryType::Directory => return Ok(Kind::Directory),
        EntryType::Symlink => return Ok(Kind::Symlink),
        EntryType::Link => return Ok(Kind::HardLink),
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a pipe",
        EntryType::GNUSparse => "a sparse file",
        _ => "of an unknown kind",
    };
    Err(refused(format!(
        "{} is {other}; only files, directories and links are copied",
        quoted(name)
    )))
}

impl Extensions {
    fn add(&mut self, kind: EntryType, mut text: Vec<u8>) -> Result<(), Error> {
        if kind.is_gnu_longname() || kind.is_gnu_longlink() {
            if text.last() == Some(&0) {
                text.pop();
            }
            let place = if kind.is_gnu_longname() { &mut self.name } else { &mut self.target };
            *place = Some(text);
            return Ok(());
        }
        if kind.is_pax_global_extensions() {
            // They hold comments and what the following headers repeat.
            return Ok(());
        }
        let malformed = || refused("an extended header is malformed");
        for record in PaxExtensions::new(&text) {
            let record = record.map_err(|_| malformed())?;
            let value = record.value_bytes();
            let number = || std::str::from_utf8(value).ok();
            match record.key_bytes() {
                b"path" => self.name = Some(value.to_vec()),
                b"linkpath" => self.target = Some(value.to_vec()),
                b"size" => {
                    self.size =
                        Some(number().and_then(|text| text.parse().ok()).ok_or_else(malformed)?);
                }
                b"mtime" => self.time = Some(number().and_then(time).ok_or_else(malformed)?),
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err(refused("an entry is a sparse file, which is not copied"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Reads seconds with a fraction, to the nanosecond.
fn time(text: &str) -> Option<(i64, u32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = format!("{:0<9}", &fraction[..fraction.len().min(9)]);
    Some((whole.parse().ok()?, digits.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_fractions() {
        assert_eq!(time("5"), Some((5, 0)));
        assert_eq!(time("5.25"), Some((5, 250_000_000)));
        assert_eq!(time("-5.123456789123"), Some((-5, 123_456_789)));
        for odd in ["", ".", "x", "5.x", "5.-1", "99999999999999999999"] {
            assert_eq!(time(odd), None, "{odd}");
        }
    }

    #[test]
    fn random_bytes_are_sentences() {
        let mut seed = 1_u64;
        for length in [0, 1, 511, 512, 513, 2048] {
            for _ in 0..50 {
                let bytes: Vec<u8> = (0..length)
                    .map(|_| {
                        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        (seed >> 56) as u8
                    })
                    .collect();
                let error = Archive::new(&*bytes).next().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
            }
        }
    }
}
