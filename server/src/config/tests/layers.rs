//! Where values come from.

use super::{in_memory, variables};
use crate::config::path::KeyPath;
use crate::config::source::Sources;

#[test]
fn file_then_conf_d_then_environment() {
    let main = ("weir.toml", "[server]\ntitle = \"file\"\n");
    let fragment = ("conf.d/10-title.toml", "[server]\ntitle = \"fragment\"\n");
    let variable = [("WEIR_SERVER__TITLE", "variable"), ("WEIR_SERVER_URL", "never configuration")];
    let title = |files: &[(&str, &str)], environment: &[(&str, &str)]| {
        let (sources, said) = Sources::merge("/etc/weir".into(), in_memory(files), variables(environment));
        assert!(said.is_empty());
        let (value, origin) = sources.effective(&KeyPath::of(&["server", "title"])).unwrap();
        (value.as_str().unwrap().to_owned(), origin.to_string())
    };
    let is = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    assert_eq!(title(&[("weir.toml", "")], &[]), is("Weir", "built-in default"));
    assert_eq!(title(&[main], &[]), is("file", "weir.toml"));
    assert_eq!(title(&[main, fragment], &[]), is("fragment", "conf.d/10-title.toml"));
    assert_eq!(title(&[main, fragment], &variable), is("variable", "environment WEIR_SERVER__TITLE"));
}
