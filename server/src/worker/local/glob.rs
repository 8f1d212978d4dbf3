//! Paths of a work directory that fit a pattern, found in bounded memory: builds name their files as they like, a million of them and
//! each as long as the system lets them.

use super::files::inside;
use crate::worker::Error;
use cap_std::fs::Dir;
use globset::{GlobBuilder, GlobMatcher};
use std::collections::BinaryHeap;
use std::io;
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// A pattern looks at no more entries than this, wherever it ends.
const ENTRIES_MAX: usize = 1_000_000;
/// Nor at folders deeper than this.
const DEPTH_MAX: usize = 64;
/// MiB of paths that a search holds at once: those that fit, and folders that are yet to be looked through. 10,000 paths of the usual
/// length take one.
const HELD_MIB_MAX: usize = 16;

/// The first `max` paths, sorted, that fit a pattern. `*` and `?` stop at a slash, `**` does not; a name that begins with a dot is as good
/// as any. Ends early where `over` says that nobody waits any more.
///
/// # Errors
/// What [`crate::worker::Worker::glob`] says.
pub fn glob(dir: &Dir, pattern: &str, max: usize, over: &CancellationToken) -> Result<Vec<String>, Error> {
    // Nothing that leads out can fit, but silence would hide the mistake.
    inside(pattern)?;
    let failed = |what: &str, source| Error::Io { what: format!("{what} `{pattern}`"), source };
    let matcher = GlobBuilder::new(pattern.trim_start_matches("./"))
        .literal_separator(true)
        .build()
        .map_err(|e| failed("reading the pattern", io::Error::other(e)))?
        .compile_matcher();
    let depth_max = if pattern.contains("**") { DEPTH_MAX } else { pattern.split('/').count() };
    let search = Search { max, held_bytes: 0, fitting: BinaryHeap::new(), folders: Vec::new() };
    search.run(dir, &matcher, depth_max, over).map_err(|e| failed("looking for", e))
}

/// A search under way.
struct Search {
    /// How many paths are asked for.
    max: usize,
    /// What `fitting` and `folders` take together.
    held_bytes: usize,
    /// Of what fits, the first so far; the last of them is the one that goes.
    fitting: BinaryHeap<String>,
    /// Yet to be looked through.
    folders: Vec<PathBuf>,
}

/// What a path takes, with what holds it.
fn cost(path: &Path) -> usize {
    path.as_os_str().len() + size_of::<PathBuf>()
}

impl Search {
    fn run(
        mut self,
        dir: &Dir,
        matcher: &GlobMatcher,
        depth_max: usize,
        over: &CancellationToken,
    ) -> io::Result<Vec<String>> {
        let mut n_entries = 0;
        self.hold_folder(PathBuf::from("."))?;
        while let Some(folder) = self.folders.pop() {
            self.held_bytes -= cost(&folder);
            // Gone in the meantime, or not ours to list.
            let Ok(entries) = dir.read_dir(&folder) else { continue };
            for entry in entries {
                if over.is_cancelled() {
                    return Err(io::Error::other("nobody waits for it any more"));
                }
                let entry = entry?;
                n_entries += 1;
                if n_entries > ENTRIES_MAX {
                    return Err(io::Error::other(format!("there are more than {ENTRIES_MAX} files to look through")));
                }
                let path =
                    if folder == Path::new(".") { entry.file_name().into() } else { folder.join(entry.file_name()) };
                // What is not UTF-8 cannot be asked for either.
                if let Some(text) = path.to_str().filter(|_| matcher.is_match(&path)) {
                    self.hold_fitting(text)?;
                }
                // Links are not followed: they may go in circles.
                if entry.file_type()?.is_dir() && path.components().count() < depth_max {
                    self.hold_folder(path)?;
                }
            }
        }
        Ok(self.fitting.into_sorted_vec())
    }

    fn hold_fitting(&mut self, path: &str) -> io::Result<()> {
        if self.fitting.len() >= self.max {
            match self.fitting.peek() {
                Some(last) if last.as_str() > path => {}
                _ => return Ok(()),
            }
            let last = self.fitting.pop().expect("there was one to look at");
            self.held_bytes -= cost(Path::new(&last));
        }
        self.hold(Path::new(path))?;
        self.fitting.push(path.to_owned());
        Ok(())
    }

    fn hold_folder(&mut self, path: PathBuf) -> io::Result<()> {
        self.hold(&path)?;
        self.folders.push(path);
        Ok(())
    }

    fn hold(&mut self, path: &Path) -> io::Result<()> {
        self.held_bytes += cost(path);
        if self.held_bytes > HELD_MIB_MAX << 20 {
            return Err(io::Error::other(format!(
                "the names of the files take more than {HELD_MIB_MAX} MiB; look for fewer, or in one folder at a time"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{BinaryHeap, CancellationToken, Search, glob};
    use cap_std::ambient_authority;
    use cap_std::fs::Dir;

    fn search(max: usize) -> Search {
        Search { max, held_bytes: 0, fitting: BinaryHeap::new(), folders: Vec::new() }
    }

    fn open() -> (tempfile::TempDir, Dir) {
        let temp = tempfile::tempdir().unwrap();
        let dir = Dir::open_ambient_dir(temp.path(), ambient_authority()).unwrap();
        (temp, dir)
    }

    #[test]
    fn no_more_paths_are_held_than_were_asked_for_and_they_are_the_first() {
        let mut search = search(3);
        for number in (0..1000).rev().chain(0..1000) {
            search.hold_fitting(&format!("{number:04}")).unwrap();
            assert!(search.fitting.len() <= 3);
        }
        // Each was found twice, as no file is.
        assert_eq!(search.fitting.into_sorted_vec(), ["0000", "0000", "0001"]);
        assert_eq!(search.held_bytes, 3 * (4 + size_of::<String>()), "what was let go counts no more");
    }

    #[test]
    fn names_that_take_too_much_memory_are_refused() {
        let long = "n".repeat(4000);
        let mut fitting = search(10_000);
        let refused = (0..10_000).find_map(|n| fitting.hold_fitting(&format!("{n}{long}")).err()).unwrap();
        let said = "the names of the files take more than 16 MiB; look for fewer, or in one folder at a time";
        assert_eq!(refused.to_string(), said);
        let mut folders = search(1);
        let refused = (0..10_000).find_map(|n| folders.hold_folder(format!("{n}{long}").into()).err()).unwrap();
        assert_eq!(refused.to_string(), said);
    }

    #[test]
    fn a_search_ends_when_nobody_waits_for_it() {
        let (_temp, dir) = open();
        dir.write("a", "").unwrap();
        let over = CancellationToken::new();
        assert_eq!(glob(&dir, "*", 9, &over).unwrap(), ["a"]);
        assert_eq!(glob(&dir, "*", 0, &over).unwrap(), Vec::<String>::new());
        over.cancel();
        let ended = glob(&dir, "*", 9, &over).unwrap_err();
        assert_eq!(ended.to_string(), "looking for `*`: nobody waits for it any more");
    }
}
