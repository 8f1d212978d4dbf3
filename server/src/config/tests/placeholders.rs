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

#[test]
fn a_name_of_a_property_has_an_end_wherever_it_is_declared_or_asked_for() {
    let (name, longest) = ("n".repeat(201), "n".repeat(200));
    let text = |name: &str| {
        format!(
            "[builder.linux]\nmatrix = {{ m{cut} = [1] }}\nproperties = {{ {name} = 1 }}\nforce = {{ parameters = [{{ name = \"a{cut}\", \
             type = \"bool\" }}], properties = [\"ok\", \"b{cut}\"] }}\n[[builder.linux.step]]\nuse = \"shell\"\nwith = {{ command = \
             \"make {{{{{name}}}}}\" }}\n",
            cut = &name[1..],
        )
    };
    let said = |text: &str| -> Vec<String> {
        let loaded = load_texts(&[("weir.toml", ""), ("teams/core.toml", text)], &[]);
        loaded.diagnostics.iter().map(|d| format!("{} {} {:?}", d.place, d.rule, d.expected)).collect()
    };
    let wrong = said(&text(&name));
    let too_long = "too-long Some(\"at most 200 characters\")";
    assert_eq!(wrong.iter().filter(|said| said.ends_with(too_long)).count(), 4, "{wrong:#?}");
    let expected = ["2:12 too", "3:16 too", "4:34 too", "4:277 too", "7:20 bad-placeholder"];
    for (said, expected) in wrong.iter().zip(expected) {
        assert!(said.starts_with(&format!("teams/core.toml:{expected}")), "{wrong:#?}");
    }
    assert_eq!(said(&text(&longest)), Vec::<String>::new());
}
