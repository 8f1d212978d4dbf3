//! Placeholders that could never be filled safely are found before any build runs.

use super::load_texts;

/// What is said of a step with this `command`.
fn said(command: &str) -> Vec<String> {
    let text = format!(
        "[team.core.builder.linux]\n[[team.core.builder.linux.step]]\nuse = \"shell\"\nwith = {{ command = {command} }}\n"
    );
    let loaded = load_texts(&[("weir.toml", &text)], &[]);
    let found = loaded.diagnostics.into_iter().filter(|d| d.rule == "bad-placeholder");
    found.map(|d| format!("{}: {}", d.key, d.message)).collect()
}

#[test]
fn a_placeholder_in_quotes_of_a_shell_line_is_an_error_with_its_place() {
    let said = said(r#"'echo "{{branch}}"'"#);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with("team.core.builder.linux.step[0].with.command: `{{branch}}` stands inside double quotes"),
        "{said:?}"
    );
}

#[test]
fn bare_in_a_shell_line_or_anywhere_in_a_list_a_placeholder_is_right() {
    assert_eq!(said("'git log {{branch}}'"), Vec::<String>::new());
    assert_eq!(said(r#"["sh", "-c", "echo '{{branch}}'"]"#), Vec::<String>::new());
}

#[test]
fn what_is_no_name_between_braces_is_an_error_everywhere() {
    assert_eq!(said(r#"["echo", "{{#if branch}}"]"#).len(), 1);
    assert_eq!(said("'echo {{branch'").len(), 1);
}
