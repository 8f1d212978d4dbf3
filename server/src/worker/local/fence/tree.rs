//! From what is hidden to what is granted: Landlock can only grant, so every sibling along each hidden path is granted instead.

use super::grant::{Grant, Rights};
use super::hidden::Hidden;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::fs::FileType;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

/// More siblings than this are not granted: each costs every command some microseconds.
const GRANTS_MAX: usize = 8192;
/// As the kernel's own limit.
const SYMLINKS_MAX: usize = 40;

/// What a path is marked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Secret,
    ReadOnly,
    /// Nothing itself, but its entries are looked at one by one.
    Apart,
}

/// Every marked path as a tree of names, from `/` down.
#[derive(Debug, Default)]
pub struct Tree {
    mark: Option<Mark>,
    children: BTreeMap<OsString, Tree>,
}

/// A directory whose entries were listed, and when it last changed: a change means that the list is out of date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    path: PathBuf,
    changed: Option<(i64, i64, u64)>,
}

impl Level {
    fn of(path: &Path) -> Self {
        Self { changed: Self::look(path), path: path.to_owned() }
    }

    fn look(path: &Path) -> Option<(i64, i64, u64)> {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.mtime(), metadata.mtime_nsec(), metadata.ino()))
    }

    /// Whether it still is as it was listed.
    pub fn is_current(&self) -> bool {
        self.changed == Self::look(&self.path)
    }
}

/// What was found by a walk.
#[derive(Debug, Default)]
pub struct Walked {
    /// What may be reached.
    pub grants: Vec<Grant>,
    /// What the list depends on.
    pub levels: Vec<Level>,
    /// There was more than can be granted.
    pub is_cut: bool,
}

impl Tree {
    /// The tree of what must be hidden on this machine as it is now.
    pub fn of(hidden: &Hidden) -> Self {
        let mut tree = Self::default();
        for path in &hidden.read_only {
            resolve(path).iter().for_each(|real| tree.insert(real, Mark::ReadOnly));
        }
        if nix::unistd::geteuid().is_root() {
            // The kernel runs programs that root names there (`core_pattern`), outside every fence; and a disk holds all files.
            tree.insert(Path::new("/proc"), Mark::ReadOnly);
            tree.insert(Path::new("/sys"), Mark::ReadOnly);
            tree.insert(Path::new("/dev"), Mark::Apart);
        }
        // Last, so that nothing weaker replaces it.
        for path in &hidden.secret {
            resolve(path).iter().for_each(|real| tree.insert(real, Mark::Secret));
        }
        tree
    }

    fn insert(&mut self, path: &Path, mark: Mark) {
        let node = path
            .components()
            .filter_map(name_of)
            .fold(self, |node, name| node.children.entry(name.to_owned()).or_default());
        node.mark = Some(mark);
    }

    /// Grants `root` and everything beneath it but what is marked.
    pub fn walk(&self, root: &Path, rights: Rights, walked: &mut Walked) {
        let mut node = self;
        let mut rights = rights;
        for name in root.components().filter_map(name_of) {
            rights = node.weakened(rights);
            match node.children.get(name) {
                Some(child) => node = child,
                None => return walked.grant(root, rights),
            }
        }
        node.walk_node(root, rights, walked);
    }

    /// Whether `path` lies in a secret.
    pub fn hides(&self, path: &Path) -> bool {
        let mut node = self;
        for name in path.components().filter_map(name_of) {
            if node.mark == Some(Mark::Secret) {
                return true;
            }
            match node.children.get(name) {
                Some(child) => node = child,
                None => return false,
            }
        }
        node.mark == Some(Mark::Secret)
    }

    fn weakened(&self, rights: Rights) -> Rights {
        if self.mark == Some(Mark::ReadOnly) { Rights::Read } else { rights }
    }

    fn walk_node(&self, path: &Path, rights: Rights, walked: &mut Walked) {
        let rights = self.weakened(rights);
        match self.mark {
            Some(Mark::Secret) => return,
            Some(Mark::Apart) => {}
            Some(Mark::ReadOnly) | None if self.children.is_empty() => return walked.grant(path, rights),
            Some(Mark::ReadOnly) | None => {}
        }
        walked.levels.push(Level::of(path));
        // Not there, not a directory, or not ours to list: then there is nothing beneath it to grant.
        let Ok(entries) = std::fs::read_dir(path) else { return };
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            match self.children.get(&entry.file_name()) {
                Some(child) if kind.is_dir() || child.children.is_empty() => {
                    child.walk_node(&entry.path(), rights, walked)
                }
                Some(_) => {}
                None if is_granted(kind) => walked.grant(&entry.path(), rights),
                None => {}
            }
        }
    }
}

impl Walked {
    fn grant(&mut self, path: &Path, rights: Rights) {
        if self.grants.len() < GRANTS_MAX {
            self.grants.push(Grant { path: path.to_owned(), rights });
        } else {
            self.is_cut = true;
        }
    }
}

/// A symbolic link needs no grant: where it leads has its own. A block device would be a way around the files on it.
fn is_granted(kind: FileType) -> bool {
    !kind.is_symlink() && !kind.is_block_device()
}

fn name_of(component: Component<'_>) -> Option<&OsStr> {
    if let Component::Normal(name) = component { Some(name) } else { None }
}

/// Where `path` really is, and where every symbolic link on the way to it is: a build that could replace the link would replace what
/// the server finds there. What does not exist (yet) is taken as it is written.
pub fn resolve(path: &Path) -> Vec<PathBuf> {
    let mut places = Vec::new();
    let mut real = PathBuf::from("/");
    let mut rest: VecDeque<OsString> = path.components().map(|part| part.as_os_str().to_owned()).collect();
    while let Some(part) = rest.pop_front() {
        match Path::new(&part).components().next() {
            Some(Component::Normal(name)) => real.push(name),
            Some(Component::ParentDir) => {
                real.pop();
                continue;
            }
            Some(Component::RootDir) => {
                real = PathBuf::from("/");
                continue;
            }
            _ => continue,
        }
        if let Ok(target) = std::fs::read_link(&real)
            && places.len() < SYMLINKS_MAX
        {
            places.push(real.clone());
            real.pop();
            for part in target.components().rev() {
                rest.push_front(part.as_os_str().to_owned());
            }
        }
    }
    places.push(real);
    places
}

#[cfg(test)]
mod tests {
    use super::{Hidden, Rights, Tree, Walked, resolve};
    use std::collections::BTreeSet;
    use std::fs::{create_dir_all, write};
    use std::os::unix::fs::symlink;
    use std::path::Path;

    /// The grants under `root`, without its own path, `r:` before those for reading.
    fn granted(root: &Path, secret: &[&str], read_only: &[&str]) -> BTreeSet<String> {
        let below = |names: &[&str]| names.iter().map(|name| root.join(name)).collect();
        let mut walked = Walked::default();
        Tree::of(&Hidden { secret: below(secret), read_only: below(read_only) }).walk(root, Rights::Full, &mut walked);
        let shown = |path: &Path| path.strip_prefix(root).unwrap().display().to_string();
        let mark = |rights| if rights == Rights::Read { "r:" } else { "" };
        walked.grants.iter().map(|grant| format!("{}{}", mark(grant.rights), shown(&grant.path))).collect()
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn home() -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        for folder in ["clone/.git", "clone/deploy/state/work", "clone/target/debug", ".cargo/bin"] {
            create_dir_all(root.join(folder)).unwrap();
        }
        for file in ["clone/Cargo.toml", "clone/deploy/weir.toml", "clone/target/debug/weir", "clone/deploy/state/key"]
        {
            write(root.join(file), "").unwrap();
        }
        (dir, root)
    }

    #[test]
    fn siblings_along_a_hidden_path_are_granted_and_the_path_itself_is_not() {
        let (_dir, root) = home();
        let secret = ["clone/deploy/state", "clone/deploy/weir.toml", "clone/deploy/not-there"];
        let expected = ["clone/.git", "clone/Cargo.toml", "clone/target", ".cargo"];
        assert_eq!(granted(&root, &secret, &[]), set(&expected));
        assert_eq!(granted(&root, &[], &[]), set(&[""]), "nothing hidden, so the root as a whole");
    }

    #[test]
    fn what_is_read_only_is_granted_for_reading_and_a_secret_in_it_not_at_all() {
        let (_dir, root) = home();
        let expected = ["clone/.git", "clone/Cargo.toml", "r:clone/target/debug", "clone/deploy", ".cargo"];
        assert_eq!(granted(&root, &[], &["clone/target/debug"]), set(&expected));
        let expected = ["r:clone/.git", "r:clone/Cargo.toml", "r:clone/target", "r:clone/deploy/weir.toml", ".cargo"];
        assert_eq!(granted(&root, &["clone/deploy/state"], &["clone"]), set(&expected));
        assert_eq!(granted(&root, &["clone"], &["clone"]), set(&[".cargo"]), "a secret stays one");
    }

    #[test]
    fn a_symbolic_link_opens_no_way_and_cannot_be_replaced() {
        let (_dir, root) = home();
        symlink(root.join("clone/deploy"), root.join("shortcut")).unwrap();
        symlink("clone/deploy/state/key", root.join(".cargo/key")).unwrap();
        let grants = granted(&root, &["shortcut/state"], &[]);
        assert_eq!(
            grants,
            set(&["clone/.git", "clone/Cargo.toml", "clone/target", "clone/deploy/weir.toml", ".cargo"])
        );
        // The link itself is one of the places, so the folder in which it lies is not granted as a whole.
        assert_eq!(resolve(&root.join("shortcut/state")), [root.join("shortcut"), root.join("clone/deploy/state")]);
        symlink("loop", root.join("loop")).unwrap();
        assert!(resolve(&root.join("loop/x")).len() <= 42, "a loop ends");
    }

    #[test]
    fn a_new_neighbour_makes_the_list_out_of_date() {
        let (_dir, root) = home();
        let mut walked = Walked::default();
        Tree::of(&Hidden { secret: [root.join("clone/deploy/state")].into(), ..Hidden::default() }).walk(
            &root,
            Rights::Full,
            &mut walked,
        );
        assert!(walked.levels.iter().all(super::Level::is_current));
        write(root.join("clone/new"), "").unwrap();
        assert!(!walked.levels.iter().all(super::Level::is_current));
    }
}
