//! `[secret]` and every key that holds a secret: says where the value is, never what it is.

use super::read::kind_of;
use super::read::{Node, Read, Reader, section};
use super::team::Secret;
use super::value::FilePath;
use std::borrow::Cow;

section! {
    /// Where a secret's value comes from: exactly one of the keys.
    struct RawSecret {
        /// A variable of the server's environment.
        env = "env": String;
        /// A file; relative paths start in the folder of the file that says so.
        file = "file": FilePath;
    }
}

impl Read for Secret {
    fn expected() -> Cow<'static, str> {
        "`{ env = \"VARIABLE\" }` or `{ file = \"PATH\" }`".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        if node.value.as_dict().is_none() {
            // What stands here may be the secret itself: neither it nor its line is shown.
            let kind = if node.value.as_str().is_some() { "a string".to_owned() } else { kind_of(node.value) };
            let message = format!("this is {kind}; a secret does not stand in the configuration");
            reader.note(reader.wrong(&node.path, "wrong-type", message).expected(Self::expected()).covered());
            return None;
        }
        let raw = RawSecret::read(node, reader)?;
        match (raw.env, raw.file) {
            (Some(variable), None) => Some(Self::Env(variable)),
            (None, Some(path)) => Some(Self::File(path.0)),
            (Some(_), Some(_)) => {
                let diagnostic = reader.wrong(&node.path, "ambiguous", "this secret comes from two places");
                reader.note(diagnostic.expected(Self::expected()));
                None
            }
            (None, None) => {
                if node.value.as_dict().is_some_and(|dict| !dict.contains_key("env") && !dict.contains_key("file")) {
                    let diagnostic = reader.wrong(&node.path, "missing-key", "this secret comes from nowhere");
                    reader.note(diagnostic.expected(Self::expected()).covered());
                }
                None
            }
        }
    }
}
