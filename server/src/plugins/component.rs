//! A file becomes a component: nothing but a well-formed component that wants what this server offers gets any further.

use super::bindings::{self, metadata, reporter_handler, step_handler};
use super::cache::Cache;
use super::compile::Compiler;
use super::descriptor::Descriptor;
use super::engine::engine;
use super::error::{Error, Kind};
use super::instance::Guest;
use sha2::{Digest, Sha256};
use wasmparser::{Encoding, Parser, Payload, Validator};
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};

/// Largest component.
pub const FILE_BYTES_MAX: usize = 64 << 20;
/// The line of the contract that this server speaks.
const OFFERED: &str = "0.1";
/// Interfaces of the contract that this server answers.
const INTERFACES: [&str; 16] = [
    "types",
    "log",
    "progress",
    "properties",
    "wait",
    "random",
    "secrets",
    "secret-reveal",
    "command",
    "workspace",
    "test-results",
    "artifacts",
    "builds",
    "trigger",
    "http",
    "state",
];
/// Those that must stand in the manifest: they need a grant.
const GRANTED: [&str; 8] = ["command", "workspace", "artifacts", "builds", "trigger", "http", "state", "secret-reveal"];
/// Those that belong to a build: the world `reporter` has none of them.
const STEPS_ONLY: [&str; 7] =
    ["progress", "properties", "command", "workspace", "test-results", "artifacts", "trigger"];

/// A component's outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    /// Names of what it imports.
    pub imports: Vec<String>,
    /// Names of what it exports.
    pub exports: Vec<String>,
}

/// A component ready to be instantiated. It has no name: several tables may have one file, and each call says what it is called.
pub struct Prepared {
    /// SHA-256 of the file, lower-case hex.
    pub sha256: String,
    /// Everything linked.
    pub pre: InstancePre<Guest>,
    /// Where `describe` is.
    pub metadata: metadata::GuestIndices,
    /// Where `run` is; none in a reporter.
    pub step_handler: Option<step_handler::GuestIndices>,
    /// Where `report` is; none in a step.
    pub reporter_handler: Option<reporter_handler::GuestIndices>,
}

/// SHA-256 as the configuration writes it.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Checks that the bytes are a component, and reads its outside.
///
/// # Errors
/// A sentence that says what they are instead.
pub fn inspect(bytes: &[u8]) -> Result<Outside, String> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(format!("has {} bytes; a component has at most {FILE_BYTES_MAX}", bytes.len()));
    }
    if wasmtime::Engine::detect_precompiled(bytes).is_some() {
        return Err("is already compiled for some machine; only components are accepted".to_owned());
    }
    if !bytes.starts_with(b"\0asm") {
        let text = bytes.trim_ascii_start().starts_with(b"(");
        let what = if text { "is WebAssembly text" } else { "is no WebAssembly" };
        return Err(format!("{what}; a plugin is a component in binary form"));
    }
    if !Parser::is_component(bytes) {
        return Err(
            "is a core module; make it a component (`cargo xtask build`, or `wasm-tools component new`)".to_owned()
        );
    }
    Validator::new().validate_all(bytes).map_err(|error| format!("is no valid component: {error}"))?;
    outside(bytes).map_err(|error| format!("is no valid component: {error}"))
}

fn outside(bytes: &[u8]) -> wasmparser::Result<Outside> {
    let mut outside = Outside { imports: Vec::new(), exports: Vec::new() };
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { encoding: Encoding::Module | Encoding::Component, .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    outside.imports.push(import?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    outside.exports.push(export?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(outside)
}

impl Outside {
    /// Whether it exports an interface of our contract.
    pub fn handles(&self, interface: &str) -> bool {
        self.exports.iter().any(|name| ours(name).is_some_and(|(i, v)| i == interface && is_offered(v)))
    }

    /// Whether it imports an interface of our contract.
    pub fn wants(&self, interface: &str) -> bool {
        self.imports.iter().any(|name| ours(name).is_some_and(|(i, _)| i == interface))
    }

    /// Checks that everything it wants is offered.
    ///
    /// # Errors
    /// A sentence that names what is not.
    pub fn check(&self, wasi_compat: bool) -> Result<(), String> {
        for name in self.imports.iter().chain(&self.exports) {
            if let Some((_, version)) = ours(name)
                && !is_offered(version)
            {
                if version.is_empty() {
                    return Err(format!("does not say which version of {name} it needs; this server offers {OFFERED}"));
                }
                let wants = version.rsplit_once('.').map_or(version, |(line, _)| line);
                return Err(format!("needs weir:plugin {wants}, this server offers {OFFERED}"));
            }
        }
        for name in &self.imports {
            match ours(name) {
                Some((interface, _)) if INTERFACES.contains(&interface) => {}
                Some(_) => return Err(format!("needs {name}, which this server does not offer")),
                None if super::wasi::is_there(name) => {}
                None if name.starts_with("wasi:") && wasi_compat => {}
                None if name.starts_with("wasi:") => {
                    return Err(format!(
                        "imports {name}, which no plugin gets; with the grant `wasi = \"compat\"` it loads and traps when used"
                    ));
                }
                None => return Err(format!("imports {name}, which this server does not know")),
            }
        }
        if !self.handles("metadata") {
            return Err("does not export weir:plugin/metadata: it is no plugin".to_owned());
        }
        if !self.handles("step-handler") && !self.handles("reporter-handler") {
            return Err("exports neither weir:plugin/step-handler nor weir:plugin/reporter-handler".to_owned());
        }
        if !self.handles("step-handler")
            && let Some(interface) = STEPS_ONLY.iter().find(|interface| self.wants(interface))
        {
            return Err(format!("is a reporter and imports weir:plugin/{interface}, which only steps have"));
        }
        Ok(())
    }
}

/// `weir:plugin/log@0.1.0` is interface and version; who does not say the version has an empty one.
fn ours(name: &str) -> Option<(&str, &str)> {
    let rest = name.strip_prefix("weir:plugin/")?;
    Some(rest.split_once('@').unwrap_or((rest, "")))
}

fn is_offered(version: &str) -> bool {
    version.strip_prefix(OFFERED).is_some_and(|patch| patch.starts_with('.'))
}

/// Links a component whose outside was checked; compiles it where the cache has nothing.
///
/// # Errors
/// Where it does not compile or link.
pub fn prepare(
    name: &str,
    bytes: &[u8],
    outside: &Outside,
    cache: &Cache,
    compiler: &Compiler,
) -> Result<Prepared, Error> {
    let sha256 = sha256_hex(bytes);
    let component = match cache.artifact(&sha256).and_then(|artifact| revive(&artifact)) {
        Some(component) => component,
        None => {
            let artifact = compiler.compile(bytes).map_err(|why| Error::new(name, Kind::Compile, why))?;
            cache.keep_artifact(&sha256, &artifact);
            revive(&artifact).ok_or_else(|| Error::new(name, Kind::Compile, "was compiled to something unusable"))?
        }
    };
    link(sha256, &component, outside).map_err(|error| Error::new(name, Kind::Incompatible, format!("{error:#}")))
}

/// Makes code of an artifact. It is run as it is, so it must be ours: made by our compiler just now, or kept under our key.
#[expect(unsafe_code, reason = "loads machine code; the callers hand in only what our own compiler made")]
fn revive(artifact: &[u8]) -> Option<Component> {
    // SAFETY: the bytes come from our compiler process, directly or out of the cache, which has checked them against a MAC under
    // a key that only the server can read. They are in our memory: nobody can change them after the check.
    unsafe { Component::deserialize(engine(), artifact) }.ok()
}

fn link(sha256: String, component: &Component, outside: &Outside) -> wasmtime::Result<Prepared> {
    let mut linker: Linker<Guest> = Linker::new(engine());
    bindings::Step::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    super::wasi::link(&mut linker)?;
    // Granted by `wasi = "compat"`, or its import would have refused the load. Everything that is no WASI was checked by name.
    if outside.imports.iter().any(|import| import.starts_with("wasi:") && !super::wasi::is_there(import)) {
        linker.define_unknown_imports_as_traps(component)?;
    }
    let pre = linker.instantiate_pre(component)?;
    let metadata = metadata::GuestIndices::new(&pre)?;
    let step_handler =
        if outside.handles("step-handler") { Some(step_handler::GuestIndices::new(&pre)?) } else { None };
    let reporter_handler =
        if outside.handles("reporter-handler") { Some(reporter_handler::GuestIndices::new(&pre)?) } else { None };
    Ok(Prepared { sha256, pre, metadata, step_handler, reporter_handler })
}

/// What a descriptor must agree with.
///
/// # Errors
/// A sentence that says what it hides or pretends.
pub fn check_descriptor(outside: &Outside, descriptor: &Descriptor) -> Result<(), String> {
    let is_step = outside.handles("step-handler");
    if descriptor.is_step != is_step {
        let (says, is) = if is_step { ("reporter", "step") } else { ("step", "reporter") };
        return Err(format!("calls itself a {says} and exports the handler of a {is}"));
    }
    for interface in GRANTED {
        let covers = |kind: &str| kind == interface || (interface == "workspace" && kind == "command");
        let declared = descriptor.capabilities.iter().any(|c| covers(&c.kind));
        if outside.wants(interface) && !declared {
            return Err(format!("imports weir:plugin/{interface} without declaring it among its capabilities"));
        }
    }
    Ok(())
}
