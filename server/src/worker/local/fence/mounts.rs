//! The other places where a hidden path can be found: the same file system mounted twice, or a part of it bound elsewhere.

use super::hidden::Hidden;
use super::tree::resolve;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// A line of `/proc/self/mountinfo`. See proc_pid_mountinfo(5).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    /// Major and minor number of the file system.
    device: String,
    /// What of the file system is mounted.
    root: PathBuf,
    /// Where.
    point: PathBuf,
}

impl Hidden {
    /// The same with every other place where it can be found on this machine.
    pub fn with_mounts(&self) -> Self {
        // Without /proc nothing else of the worker works either, so this does not matter more.
        let mounts = parse(&std::fs::read("/proc/self/mountinfo").unwrap_or_default());
        let more = |paths: &BTreeSet<PathBuf>| paths.iter().flat_map(|path| everywhere(path, &mounts)).collect();
        Self { secret: more(&self.secret), read_only: more(&self.read_only) }
    }
}

/// `path` and its other names.
fn everywhere(path: &Path, mounts: &[Mount]) -> Vec<PathBuf> {
    let mut found = vec![path.to_owned()];
    let real = resolve(path).pop().expect("it ends in the path itself");
    // The last one mounted over a point is the one that is seen.
    let at = mounts.iter().rev().filter(|mount| real.starts_with(&mount.point));
    let Some(own) = at.max_by_key(|mount| mount.point.components().count()) else { return found };
    let below = real.strip_prefix(&own.point).expect("it was chosen for that");
    let inside = own.root.join(below);
    for other in mounts.iter().filter(|mount| mount.device == own.device && mount.point != own.point) {
        if let Ok(below) = inside.strip_prefix(&other.root) {
            found.push(other.point.join(below));
        } else if other.root.starts_with(&inside) {
            found.push(other.point.clone());
        }
    }
    found
}

fn parse(text: &[u8]) -> Vec<Mount> {
    let line = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b' ').skip(2);
        let device = String::from_utf8(fields.next()?.to_vec()).ok()?;
        Some(Mount { device, root: unescaped(fields.next()?), point: unescaped(fields.next()?) })
    };
    text.split(|byte| *byte == b'\n').filter_map(line).collect()
}

/// Blanks and the like are written as a backslash and three octal digits.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::{everywhere, parse};
    use std::path::{Path, PathBuf};

    const TABLE: &str = "\
21 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 21 254:0 /srv/weir /mnt/twice rw,relatime - ext4 /dev/vda rw
31 21 254:0 /srv/weir/state/work /mnt/a\\040part rw - ext4 /dev/vda rw
32 21 0:30 / /tmp rw - tmpfs tmpfs rw
33 21 254:0 /home /mnt/other rw - ext4 /dev/vda rw
";

    #[test]
    fn a_hidden_path_is_hidden_wherever_it_is_mounted() {
        let mounts = parse(TABLE.as_bytes());
        let names = |path: &str| -> Vec<PathBuf> { everywhere(Path::new(path), &mounts) };
        let state = ["/srv/weir/state", "/mnt/twice/state", "/mnt/a part"].map(PathBuf::from);
        assert_eq!(names("/srv/weir/state"), state);
        let seen_twice = ["/mnt/twice/state", "/srv/weir/state", "/mnt/a part"].map(PathBuf::from);
        assert_eq!(names("/mnt/twice/state"), seen_twice);
        assert_eq!(names("/tmp/x"), [PathBuf::from("/tmp/x")], "another file system");
    }
}
