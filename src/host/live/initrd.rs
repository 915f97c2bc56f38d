//! An initial ramdisk, followed from its first byte to its last.
//!
//! It is a row of archives: plain cpio first, with what the processor needs early, then one that is packed. Most
//! ways of packing say how long their parts are, so that nothing needs to be unpacked to find the end; of gzip the
//! codes are walked through. Nothing is kept, whatever its size.
//! <https://docs.kernel.org/driver-api/early-userspace/buffer-format.html>

mod cpio;
mod deflate;
mod lz4;
mod stream;
mod xz;
mod zstd;

use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Instant;

use super::failure;
use crate::model::answer::Initrd;
use crate::model::{Reading, TroubleCause};
use stream::{Stop, Stream};

pub fn initrd(path: &Path, deadline: Instant) -> Reading<Initrd> {
    // Non-blocking: a pipe put in a file's place must not hold us.
    let opened = File::options().read(true).custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY).open(path);
    let looked = opened.and_then(|file| Ok((file.metadata()?, file)));
    match looked {
        Ok((metadata, file)) if metadata.is_file() => described(path, file, metadata.len(), deadline),
        Ok(_) => Reading::unreadable(TroubleCause::Malformed, format!("{} is no regular file", path.display())),
        Err(error) => failure::reading("cannot look at", path, &error),
    }
}

fn described(path: &Path, file: impl Read + Seek, bytes: u64, deadline: Instant) -> Reading<Initrd> {
    let mut stream = Stream::new(file, bytes, deadline);
    let mut parts = Parts::default();
    let followed = parts.follow(&mut stream);
    let at = stream.position();
    let part = parts.formats.last().map_or_else(|| "first part".to_owned(), |format| format!("{format} part"));
    let (fault, not_followed) = match followed {
        Ok(()) => (None, None),
        Err(Stop::Ends) => (Some(format!("it ends within its {part}, after {bytes} bytes")), None),
        Err(Stop::Malformed(why)) => (Some(format!("its {part} is damaged before byte {at}: {why}")), None),
        Err(Stop::CannotFollow(why)) => (None, Some(format!("from byte {at} on {why}"))),
        Err(Stop::Late) => {
            let detail = format!("{}: the end was not reached in time", path.display());
            return Reading::unreadable(TroubleCause::TimedOut, detail);
        }
        Err(Stop::Failed(error)) => return failure::unreadable("cannot read", path, &error),
    };
    let early_only = fault.is_none() && not_followed.is_none() && !parts.has_system;
    let formats = parts.formats.into_iter().map(str::to_owned).collect();
    Reading::Known(Initrd { bytes, formats, fault, not_followed, early_only })
}

/// What was seen of it.
#[derive(Default)]
struct Parts {
    formats: Vec<&'static str>,
    /// Something that starts a system: packed, or a file that is not only there for the processor.
    has_system: bool,
}

impl Parts {
    /// From archive to archive; zeros between them are padding.
    fn follow(&mut self, stream: &mut Stream<impl Read + Seek>) -> Result<(), Stop> {
        while stream.skip_zeros()? {
            let mut magic = [0; 6];
            stream.peek(&mut magic)?;
            let format = match magic {
                [b'0', b'7', b'0', b'7', b'0', b'1' | b'2'] => "cpio",
                [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => "zstd",
                [0x02, 0x21, 0x4c, 0x18, ..] | [0x04, 0x22, 0x4d, 0x18, ..] => "lz4",
                [0xfd, b'7', b'z', b'X', b'Z', 0] => "xz",
                [0x1f, 0x8b, ..] => "gzip",
                [b'B', b'Z', b'h', ..] => return Err(self.cannot_follow("bzip2")),
                [0x89, b'L', b'Z', b'O', ..] => return Err(self.cannot_follow("lzop")),
                [0x5d, 0, 0, ..] => return Err(self.cannot_follow("lzma")),
                _ => return Err(Stop::CannotFollow("it is of a format that is not known here")),
            };
            if self.formats.last() != Some(&format) {
                self.formats.push(format);
            }
            self.has_system |= format != "cpio";
            match (format, magic[0]) {
                ("cpio", _) => self.has_system |= cpio::follow(stream)?,
                ("zstd", 0x28) => zstd::follow(stream)?,
                ("zstd", _) => zstd::follow_skippable(stream)?,
                ("lz4", 0x02) => lz4::follow_legacy(stream)?,
                ("lz4", _) => lz4::follow_frame(stream)?,
                ("xz", _) => xz::follow(stream)?,
                _ => deflate::follow_gzip(stream)?,
            }
        }
        match self.formats.is_empty() {
            false => Ok(()),
            // Nothing at all, or overwritten with zeros.
            true => Err(Stop::Ends),
        }
    }

    fn cannot_follow(&mut self, format: &'static str) -> Stop {
        self.formats.push(format);
        Stop::CannotFollow(match format {
            "bzip2" => "it is packed with bzip2, which is not read here",
            "lzop" => "it is packed with lzop, which is not read here",
            _ => "it is packed with lzma, which is not read here",
        })
    }
}

#[cfg(test)]
mod tests;
