//! An archive as `cpio -H newc` writes it. <https://docs.kernel.org/driver-api/early-userspace/buffer-format.html>

use std::io::{Read, Seek};

use super::stream::{Stop, Stream};

/// The name that ends an archive.
pub const LAST: &str = "TRAILER!!!";
const HEADER: usize = 110;
const LONGEST_NAME: u64 = 4096;

/// Follows one archive. True where it holds more than what the processor needs before there is a system.
pub fn follow(stream: &mut Stream<impl Read + Seek>) -> Result<bool, Stop> {
    let start = stream.position();
    let mut has_system = false;
    loop {
        let header: [u8; HEADER] = stream.array()?;
        if !matches!(&header[..6], b"070701" | b"070702") {
            return Err(Stop::Malformed("no header of a file where one should be"));
        }
        let (file_bytes, name_bytes) = (number(&header[54..62])?, number(&header[94..102])?);
        if name_bytes == 0 || name_bytes > LONGEST_NAME {
            return Err(Stop::Malformed("a name of an impossible length"));
        }
        let mut name = vec![0; name_bytes as usize];
        stream.take(&mut name)?;
        align(stream, start)?;
        let name = String::from_utf8_lossy(&name[..name.len() - 1]);
        if name == LAST {
            return Ok(has_system);
        }
        let name = name.strip_prefix("./").unwrap_or(&name);
        // dracut marks its own with `early_cpio`.
        let is_early = matches!(name, "." | "kernel" | "early_cpio") || name.starts_with("kernel/");
        has_system |= !is_early;
        stream.skip(file_bytes)?;
        align(stream, start)?;
    }
}

/// To the next multiple of four.
fn align(stream: &mut Stream<impl Read + Seek>, start: u64) -> Result<(), Stop> {
    stream.skip((stream.position() - start).wrapping_neg() % 4)
}

fn number(hexadecimal: &[u8]) -> Result<u64, Stop> {
    let digits = std::str::from_utf8(hexadecimal).ok().filter(|digits| digits.bytes().all(|it| it.is_ascii_hexdigit()));
    digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()).ok_or(Stop::Malformed("a length that is no number"))
}
