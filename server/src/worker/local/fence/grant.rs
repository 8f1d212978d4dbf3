//! One place that a command may reach, and how a list of them travels to `weir exec`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// What may be done at a place and, where it is a directory, everywhere beneath it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rights {
    /// Whatever the user may.
    Full,
    /// Read, list and execute.
    Read,
}

/// One place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Grant {
    /// Absolute, without symbolic links.
    pub path: PathBuf,
    /// What may be done there.
    pub rights: Rights,
}

impl Grant {
    /// Adds it to an encoded list: a letter, the path, a zero byte (which no path holds).
    pub fn encode(&self, into: &mut Vec<u8>) {
        into.push(match self.rights {
            Rights::Full => b'f',
            Rights::Read => b'r',
        });
        into.extend_from_slice(self.path.as_os_str().as_bytes());
        into.push(0);
    }

    /// Reads an encoded list; none where it is broken.
    pub fn decode_all(bytes: &[u8]) -> Option<Vec<Self>> {
        let mut entries: Vec<&[u8]> = bytes.split(|byte| *byte == 0).collect();
        // What stands after the last zero byte.
        if !entries.pop()?.is_empty() {
            return None;
        }
        let decode = |entry: &[u8]| {
            let (letter, path) = entry.split_first()?;
            let rights = match letter {
                b'f' => Rights::Full,
                b'r' => Rights::Read,
                _ => return None,
            };
            Some(Self { path: Path::new(OsStr::from_bytes(path)).to_owned(), rights })
        };
        entries.into_iter().map(decode).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Grant, Rights};

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let grants = vec![
            Grant { path: "/usr".into(), rights: Rights::Read },
            Grant { path: "/a b\n".into(), rights: Rights::Full },
        ];
        let mut bytes = Vec::new();
        grants.iter().for_each(|grant| grant.encode(&mut bytes));
        assert_eq!(Grant::decode_all(&bytes), Some(grants));
        assert_eq!(Grant::decode_all(b""), Some(Vec::new()));
        for broken in [b"r/usr".as_slice(), b"x/usr\0", b"\0"] {
            assert_eq!(Grant::decode_all(broken), None, "{broken:?}");
        }
    }
}
