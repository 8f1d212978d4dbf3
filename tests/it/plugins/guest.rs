//! Guests written by hand: a core module in text becomes a component within the test, so that it can do what no compiler would.

use std::path::Path;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// A step plugin by hand.
pub struct Guest {
    /// Interfaces that its world imports.
    pub imports: &'static [&'static str],
    /// Imports, memories and functions beside those that every guest has.
    pub items: String,
    /// Body of `run`: takes a pointer, must leave one. `$success` is a good answer.
    pub run: String,
    /// Body of `describe` before it answers.
    pub describe: String,
    /// What its world imports and exports beside the contract, in WIT.
    pub exports: &'static str,
    /// Packages of other interfaces than the contract's, in WIT.
    pub packages: &'static str,
    /// The version of the contract that it was built for; empty is none.
    pub version: &'static str,
    /// Pages of its first memory.
    pub pages: u32,
    /// Whether it declares that it wants to run commands.
    pub declares: bool,
}

impl Guest {
    /// A guest whose `run` is this.
    pub fn run(run: &str) -> Self {
        Self {
            imports: &[],
            items: String::new(),
            run: run.to_owned(),
            describe: String::new(),
            exports: "",
            packages: "",
            version: "0.1.0",
            pages: 2,
            declares: false,
        }
    }

    /// The version as it stands behind names.
    fn at(&self) -> String {
        if self.version.is_empty() { String::new() } else { format!("@{}", self.version) }
    }

    /// The module in text.
    fn module(&self) -> String {
        let Self { items, run, describe, pages, declares, .. } = self;
        let at = self.at();
        let capabilities = u32::from(*declares);
        format!(
            r#"(module
  {items}
  (memory (export "memory") {pages})
  (data (i32.const 16) "guest 1 step {{}} command")
  ;; descriptor: name, version, kind, summary, schema, capabilities, extra
  (data (i32.const 64) "\10\00\00\00\05\00\00\00\16\00\00\00\01\00\00\00\18\00\00\00\04\00\00\00\10\00\00\00\05\00\00\00\1d\00\00\00\02\00\00\00\80\00\00\00\0{capabilities}\00\00\00\00\00\00\00\00\00\00\00")
  ;; capability: kind, params, reason
  (data (i32.const 128) "\20\00\00\00\07\00\00\00\1d\00\00\00\02\00\00\00\10\00\00\00\05\00\00\00")
  ;; a success with the summary "guest" at 256
  (data (i32.const 268) "\10\00\00\00\05\00\00\00")
  (global $success i32 (i32.const 256))
  (global $free (mut i32) (i32.const 65536))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    global.get $free
    global.get $free
    local.get 3
    i32.add
    i32.const 7
    i32.add
    i32.const -8
    i32.and
    global.set $free)
  (func (export "weir:plugin/metadata{at}#describe") (result i32) {describe} i32.const 64)
  (func (export "weir:plugin/step-handler{at}#run") (param i32) (result i32) {run}))"#
        )
    }

    /// The core module, with what makes it a component still outside.
    pub fn core(&self) -> Vec<u8> {
        wat::parse_str(self.module()).expect("the test's module is good text")
    }

    /// The component.
    pub fn component(&self) -> Vec<u8> {
        let mut module = self.core();
        let at = self.at();
        let mut resolve = Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-sdk/wit");
        let mut contract = String::from("package weir:plugin@0.1.0;\n");
        for file in ["types", "exports", "imports"] {
            let text = std::fs::read_to_string(wit.join(format!("{file}.wit"))).unwrap();
            contract.push_str(&text.replace("package weir:plugin@0.1.0;", ""));
        }
        resolve.push_str("contract.wit", &contract.replace("@0.1.0", &at)).unwrap();
        let imports: String = self.imports.iter().map(|i| format!("import weir:plugin/{i}{at};")).collect();
        let world = format!(
            "package test:guest; {} world guest {{ {imports} \
             export weir:plugin/metadata{at}; export weir:plugin/step-handler{at}; {} }}",
            self.packages, self.exports
        );
        let package = resolve.push_str("guest.wit", &world).unwrap();
        let world = resolve.select_world(&[package], Some("guest")).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
        ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
    }
}

/// A guest that runs `true`, and fails with the host's message where it may not.
pub fn runs_true() -> Guest {
    Guest {
        imports: &["secrets", "command"],
        items: r#"(import "weir:plugin/command@0.1.0" "run" (func $command (param i32 i32)))"#.to_owned(),
        declares: true,
        // The spec lies at 512: program `true`, everything else none. The answer comes to 1024.
        ..Guest::run(
            r#"(i32.store (i32.const 700) (i32.const 0x65757274))
    (i32.store (i32.const 720) (i32.const 700))
    (i32.store (i32.const 724) (i32.const 4))
    (i32.store (i32.const 516) (i32.const 720))
    (i32.store (i32.const 520) (i32.const 1))
    (call $command (i32.const 512) (i32.const 1024))
    (if (i32.eqz (i32.load8_u (i32.const 1024))) (then (return (global.get $success))))
    (i32.store8 (i32.const 1100) (i32.const 1))
    (i32.store8 (i32.const 1104) (i32.const 2))
    (i32.store (i32.const 1108) (i32.load (i32.const 1032)))
    (i32.store (i32.const 1112) (i32.load (i32.const 1036)))
    i32.const 1100"#,
        )
    }
}

/// A guest that may start commands, with the spec of these words at 512, which a command's output comes out of. Its functions are
/// `$start`, `$next`, `$stop` and `$drop`, of the command; answers come to 1024.
pub fn starts(words: &[&str], run: &str) -> Guest {
    let mut data = String::new();
    for (index, word) in words.iter().enumerate() {
        let (at, place) = (4096 + 512 * index, 720 + 8 * index);
        let hex: String = word.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        data.push_str(&format!("(data (i32.const {at}) \"{hex}\") {}", number_pair(place, at, word.len())));
    }
    // `program`, its words; `capture`.
    data.push_str(&number_pair(516, 720, words.len()));
    data.push_str("(data (i32.const 568) \"\\01\")");
    let import =
        |name: &str, function: &str| format!(r#"(import "weir:plugin/command@0.1.0" "{name}" (func {function}))"#);
    let imports = [
        import("start", "$start (param i32 i32)"),
        import("[method]running.next", "$next (param i32 i32 i32 i32)"),
        import("[method]running.stop", "$stop (param i32)"),
        import("[resource-drop]running", "$drop (param i32)"),
    ];
    Guest { imports: &["secrets", "command"], items: imports.concat() + &data, declares: true, ..Guest::run(run) }
}

/// Two numbers of 32 bits as data.
fn number_pair(at: usize, first: usize, second: usize) -> String {
    let number = |n: usize| -> String {
        let bytes = u32::try_from(n).expect("addresses are small").to_le_bytes();
        bytes.iter().map(|byte| format!("\\{byte:02x}")).collect()
    };
    format!("(data (i32.const {at}) \"{}{}\")", number(first), number(second))
}

/// A component by hand: these items, and functions of the right names and the wrong types. It is instantiated, and no more.
pub fn by_hand(items: &str) -> Vec<u8> {
    let text = format!(
        r#"(component {items}
  (core module $nothing (func (export "nothing")))
  (core instance $nothing (instantiate $nothing))
  (func $nothing (canon lift (core func $nothing "nothing")))
  (instance $metadata (export "describe" (func $nothing)))
  (instance $handler (export "run" (func $nothing)))
  (export "weir:plugin/metadata@0.1.0" (instance $metadata))
  (export "weir:plugin/step-handler@0.1.0" (instance $handler)))"#
    );
    wat::parse_str(text).expect("the test's component is good text")
}
