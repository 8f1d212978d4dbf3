//! Grants become a ruleset of the kernel, entered between fork and exec.

use super::capability;
use super::grant::{Grant, Rights};
use super::syscall::Filter;
use anyhow::Context;
use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, Scope,
};
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{SFlag, fstat};
use std::os::fd::OwnedFd;

/// Everything that Landlock could keep from a command on the newest kernel we know; what the running one cannot keep it lets pass.
const NEWEST: ABI = ABI::V9;
/// The least that makes a fence: reading, writing, executing, listing and making files. Older kernels have no Landlock at all.
const LEAST: ABI = ABI::V1;

/// What the running kernel can keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Support {
    /// No fence at all: Landlock is missing or switched off.
    None,
    /// Reading, writing, executing, listing and making files; a file can still be cut by its name (Linux 5.13 to 6.1).
    Files,
    /// Cutting files, too (Linux 6.2).
    Truncate,
    /// Signals and abstract sockets, too (Linux 6.12).
    Signals,
}

/// Asks the running kernel.
pub fn support() -> Support {
    let keeps = |abi| {
        let handled = landlock::Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(abi));
        let scopes = Scope::from_all(abi);
        let scoped = handled.and_then(|ruleset| if scopes.is_empty() { Ok(ruleset) } else { ruleset.scope(scopes) });
        scoped.and_then(landlock::Ruleset::create).is_ok()
    };
    match () {
        () if keeps(ABI::V6) => Support::Signals,
        () if keeps(ABI::V3) => Support::Truncate,
        () if keeps(LEAST) => Support::Files,
        () => Support::None,
    }
}

/// A ruleset, ready to be entered, and the filter of calls beside it.
pub struct Ruleset {
    landlock: RulesetCreated,
    filter: Filter,
}

impl Ruleset {
    /// A ruleset that grants what the encoded list names and nothing else. A place that is gone is left out.
    ///
    /// # Errors
    /// Where the list is broken or the kernel cannot keep even the least.
    pub fn of(grants: &[u8]) -> anyhow::Result<Self> {
        let grants = Grant::decode_all(grants).context("the list of grants is broken")?;
        let mut ruleset = landlock::Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(LEAST))?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(NEWEST))?
            // No signals to and no abstract sockets of anything that was there before the command.
            .scope(Scope::from_all(NEWEST))?
            .create()?;
        for grant in grants {
            if let Some((place, is_dir)) = open(&grant)? {
                (&mut ruleset).add_rule(PathBeneath::new(place, access(grant.rights, is_dir)))?;
            }
        }
        Ok(Self { landlock: ruleset, filter: Filter::new() })
    }

    /// Enters it: from here on this process and its children reach only what was granted, and can do nothing about it.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn enter(mut self) -> anyhow::Result<()> {
        capability::drop_unsafe()?;
        self.landlock.restrict_self()?;
        Ok(self.filter.enter()?)
    }
}

fn access(rights: Rights, is_dir: bool) -> BitFlags<AccessFs> {
    let access = match rights {
        Rights::Full => AccessFs::from_all(NEWEST),
        Rights::Read => AccessFs::from_read(NEWEST),
    };
    if is_dir { access } else { access & AccessFs::from_file(NEWEST) }
}

/// Opens what is to be granted, never through a symbolic link: a build may have put one there since the list was made.
fn open(grant: &Grant) -> anyhow::Result<Option<(OwnedFd, bool)>> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let place = match openat2(nix::fcntl::AT_FDCWD, &grant.path, how) {
        Ok(place) => place,
        // Gone, replaced, or out of the user's reach anyway: nothing to grant.
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::EACCES) => return Ok(None),
        Err(errno) => return Err(errno).with_context(|| format!("opening `{}` to grant it", grant.path.display())),
    };
    let kind = SFlag::from_bits_truncate(fstat(&place)?.st_mode & SFlag::S_IFMT.bits());
    if kind == SFlag::S_IFLNK {
        return Ok(None);
    }
    Ok(Some((place, kind == SFlag::S_IFDIR)))
}
