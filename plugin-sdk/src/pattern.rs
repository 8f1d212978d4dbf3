//! Names of a regular expression's groups: the host finds lines and hands over groups by their number, and a plugin needs no engine
//! of its own to know which is which.

/// The groups that take something, in order: the name of each, or none. Understands what the crate `regex` does: `(?<name>...)`,
/// `(?P<name>...)`, groups that take nothing, escapes, classes, and comments under `(?x)`.
///
/// ```
/// use weir_plugin_sdk::pattern::group_names;
///
/// assert_eq!(group_names(r"(?<file>[^:(]+):(\d+)(?: \(.*\))?"), [Some("file"), None]);
/// ```
pub fn group_names(pattern: &str) -> Vec<Option<&str>> {
    let mut names = Vec::new();
    let mut classes = 0_usize;
    let mut is_verbose = false;
    let mut chars = pattern.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let rest = &pattern[at + c.len_utf8()..];
        match c {
            '\\' => drop(chars.next()),
            '#' if is_verbose => while chars.next().is_some_and(|(_, c)| c != '\n') {},
            '[' => {
                classes += 1;
                // What closes a class stands for itself where the class begins.
                let own = rest.strip_prefix('^').unwrap_or(rest);
                for _ in 0..rest.len() - own.len() + usize::from(own.starts_with(']')) {
                    chars.next();
                }
            }
            ']' => classes = classes.saturating_sub(1),
            '(' if classes == 0 => match rest.strip_prefix('?') {
                None => names.push(None),
                Some(rest) => match rest.strip_prefix("P<").or_else(|| rest.strip_prefix('<')) {
                    Some(name) => names.push(name.split('>').next()),
                    None => is_verbose = verbose(rest).unwrap_or(is_verbose),
                },
            },
            _ => {}
        }
    }
    names
}

/// Whether flags after `(?` turn comments on or off.
fn verbose(flags: &str) -> Option<bool> {
    let flags = &flags[..flags.find([':', ')'])?];
    let (on, off) = flags.split_once('-').unwrap_or((flags, ""));
    if on.contains('x') { Some(true) } else { off.contains('x').then_some(false) }
}

#[cfg(test)]
mod tests {
    use super::group_names;

    #[test]
    fn groups_are_named_as_the_engine_names_them() {
        for pattern in [
            "",
            "plain",
            "(a)(?:b)(?<c>c)(?P<d>d)",
            r"\((a)\)[(](b)",
            r"[]()](a)[^]()](b)",
            "[[:alpha:](](a)",
            r"[\]()](a)(?i:b)(?i)(c)",
            "(?x) (a) # ( a comment (\n (b) [(] # [(\n (c)",
            "(?x)(?-x)#(a)",
            r"^(?<file>(?:[A-Za-z]:)?[^:]+):(?:(?<line>\d+):(?:\d+:)?)? warning: (?<message>.*)",
            "((((a))))",
            "é(ü)(?<ö>ä)",
        ] {
            let engine = regex::Regex::new(pattern).unwrap();
            let expected: Vec<_> = engine.capture_names().skip(1).collect();
            assert_eq!(group_names(pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_no_trouble() {
        for text in ["(", "(?", "(?<", "[", "[^", "\\", "(?x)#", "[]", ")("] {
            group_names(text);
        }
    }
}
