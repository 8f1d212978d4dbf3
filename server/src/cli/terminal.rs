//! What a build printed, made fit for a terminal: colours stay, and nothing else steers it. A terminal obeys whatever it is sent, to move
//! its cursor over older lines, to name its window, to fill the clipboard (ECMA-48, sections 5.3 and 8.3.117; xterm's OSC).

use std::borrow::Cow;

/// `text` with its colours (`ESC [ ... m`) and tabs; every other control character is shown as what it is.
pub fn coloured(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| c.is_control() && c != '\t') {
        return Cow::Borrowed(text);
    }
    let mut fit = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let n_bytes = colour(rest).unwrap_or(c.len_utf8());
        if n_bytes > c.len_utf8() || !c.is_control() || c == '\t' {
            fit.push_str(&rest[..n_bytes]);
        } else {
            fit.extend(c.escape_default());
        }
        rest = &rest[n_bytes..];
    }
    // Colours end with their line.
    if fit.contains('\u{1b}') {
        fit.push_str("\u{1b}[0m");
    }
    Cow::Owned(fit)
}

/// How many bytes a sequence of colours at the beginning of `text` has; none where there is none.
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let n_bytes = parameters.find(|c: char| !(c.is_ascii_digit() || c == ';' || c == ':'))?;
    parameters[n_bytes..].starts_with('m').then_some(2 + n_bytes + 1)
}

#[cfg(test)]
mod tests {
    use super::coloured;

    #[test]
    fn colours_stay_and_nothing_else_steers_a_terminal() {
        assert_eq!(coloured("plain\tgrün"), "plain\tgrün");
        assert_eq!(coloured("\u{1b}[1;31mred"), "\u{1b}[1;31mred\u{1b}[0m");
        for (given, shown) in [
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{1b}]52;c;cm0=\u{1b}\\", "\\u{1b}]52;c;cm0=\\u{1b}\\"),
            ("over\rwritten", "over\\rwritten"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("end\u{1b}", "end\\u{1b}"),
            ("\u{1b}[", "\\u{1b}["),
        ] {
            assert_eq!(coloured(given), shown, "{given:?}");
        }
    }
}
