//! Where a builder's directories are: names of people become names of folders.

use crate::worker::Place;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Longest folder name made from a builder's name, in bytes: sockets in TMPDIR still fit their 108 bytes of path.
const FOLDER_BYTES_MAX: usize = 80;

/// The two directories of a builder on a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directories {
    /// Its work directory; kept between builds.
    pub work: PathBuf,
    /// Its `TMPDIR`; emptied when the next build begins.
    pub tmp: PathBuf,
}

impl Directories {
    /// `state_dir/work/<worker>/<team>/<builder>`, and the same under `state_dir/tmp`. The worker's name is part of it because two
    /// embedded workers may run the same builder at the same time.
    pub fn of(state_dir: &Path, worker: &str, place: &Place) -> Self {
        let below = |kind: &str| state_dir.join(kind).join(worker).join(quote(&place.team)).join(quote(&place.builder));
        Self { work: below("work"), tmp: below("tmp") }
    }
}

/// Where a path really is, as processes that were started there see it.
pub fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// A folder name for `name`: letters, digits, `.`, `+` and `-` stay, an underscore is doubled, every other byte becomes `_` and two
/// hex digits, as does a `.` at the start. A long name is cut and ends in `_h` and its hash. Two names never share a folder, and no
/// folder holds a character that make, a shell or a linker takes for its own (as they do `%`, `=`, `,` or a blank).
pub fn quote(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len() + 8);
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'.' if at == 0 => quoted.push_str("_2e"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'+' | b'-' => quoted.push(char::from(byte)),
            b'_' => quoted.push_str("__"),
            _ => write!(quoted, "_{byte:02x}").expect("writing to a string never fails"),
        }
    }
    if quoted.len() > FOLDER_BYTES_MAX {
        let hash = blake3::hash(name.as_bytes()).to_hex();
        quoted.truncate(FOLDER_BYTES_MAX - 18);
        quoted.push_str("_h");
        quoted.push_str(&hash[..16]);
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::{FOLDER_BYTES_MAX, quote};
    use std::collections::BTreeSet;

    #[test]
    fn plain_names_stay_and_others_are_quoted() {
        for (name, folder) in [
            ("full-2.4", "full-2.4"),
            ("AMD64 Fedora LTO + PGO", "AMD64_20Fedora_20LTO_20+_20PGO"),
            ("my_builder", "my__builder"),
            ("..", "_2e."),
            (".git", "_2egit"),
            ("50%", "50_25"),
            ("é", "_c3_a9"),
        ] {
            assert_eq!(quote(name), folder, "{name}");
        }
    }

    #[test]
    fn two_names_never_share_a_folder_and_none_is_long() {
        let long = "x".repeat(100);
        let names = [
            "a b",
            "a_20b",
            "a__b",
            "a_b",
            "A b",
            "a\u{a0}b",
            &long,
            &format!("{long}y"),
            &"é".repeat(100),
            &"é".repeat(99),
        ];
        let folders: BTreeSet<String> = names.iter().map(|name| quote(name)).collect();
        assert_eq!(folders.len(), names.len());
        assert!(folders.iter().all(|folder| folder.len() <= FOLDER_BYTES_MAX && !folder.contains('/')));
    }

    proptest::proptest! {
        #[test]
        fn quoting_short_names_can_be_undone(name in "[ -~&&[^/]]{1,20}") {
            let quoted = quote(&name);
            let bytes = quoted.as_bytes();
            let (mut back, mut at) = (Vec::new(), 0);
            while at < bytes.len() {
                match (bytes[at], bytes.get(at + 1)) {
                    (b'_', Some(b'_')) => { back.push(b'_'); at += 2; }
                    (b'_', _) => { back.push(u8::from_str_radix(&quoted[at + 1..at + 3], 16).unwrap()); at += 3; }
                    (byte, _) => { back.push(byte); at += 1; }
                }
            }
            proptest::prop_assert_eq!(String::from_utf8(back).unwrap(), name);
        }
    }
}
