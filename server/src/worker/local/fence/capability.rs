//! What root may do without leaving the fence.

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, remove_capability_from_bounding_set, set_capabilities,
};

/// What package managers and test suites need of root. Missing are those that lead around the fence: tracing other processes, mounting,
/// loading modules, raw disks and memory, opening files by handle.
const KEPT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::AUDIT_WRITE);

/// Drops, for good, every capability of this process that is not among those kept. Does nothing where it has none, as most servers.
///
/// # Errors
/// What the system says.
pub fn drop_unsafe() -> rustix::io::Result<()> {
    let now = capabilities(None)?;
    if now.effective.is_empty() && now.permitted.is_empty() {
        return Ok(());
    }
    if now.effective.contains(CapabilitySet::SETPCAP) {
        for capability in CapabilitySet::all().difference(KEPT).iter() {
            match remove_capability_from_bounding_set(capability) {
                // EINVAL: this kernel does not know it.
                Ok(()) | Err(rustix::io::Errno::INVAL) => {}
                Err(error) => return Err(error),
            }
        }
    }
    let kept = |set: CapabilitySet| set.intersection(KEPT);
    set_capabilities(
        None,
        CapabilitySets {
            effective: kept(now.effective),
            permitted: kept(now.permitted),
            inheritable: kept(now.inheritable),
        },
    )
}
