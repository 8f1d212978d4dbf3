//! Placeholders in settings: `{{branch}}`, in the syntax of handlebars. Only plain names are understood: no blocks, helpers or
//! partials. `\{{` is a literal `{{`.

use super::property::NAME_CHARS_MAX;
use super::shell::{Quoting, Unsafe};

/// Characters of what is no name that an error shows.
const SHOWN_CHARS_MAX: usize = 100;

/// A piece of a text with placeholders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// To be taken as it is.
    Text(&'a str),
    /// To be replaced by the value of this name.
    Name(&'a str),
    /// The same, written `{{{name}}}`: explicitly as it is, which a shell line refuses.
    BareName(&'a str),
}

/// Why a text with placeholders cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceholderError {
    /// Opened and not closed.
    #[error("`{{{{` without `}}}}`; write `\\{{{{` for a literal `{{{{`")]
    Open,
    /// Something else than a name between the braces.
    #[error("`{0}`: only a property's name may stand between the braces; write `\\{{{{` for a literal `{{{{`")]
    NoName(String),
    /// A name that no property has.
    #[error("`{0}…`: this name is too long, names of properties have at most {NAME_CHARS_MAX} characters")]
    TooLong(String),
    /// Where the value would not stay one word.
    #[error(
        "`{{{{{name}}}}}` stands {place}, where a value would not stay one word: write it bare (it is quoted by itself), \
         or set it as a variable in `env` and use that"
    )]
    Unsafe {
        /// The placeholder's name.
        name: String,
        /// Where it stands.
        place: Unsafe,
    },
    /// Three braces in a shell line.
    #[error("`{{{{{{{0}}}}}}}` would put a value into the shell line unquoted; write `{{{{{0}}}}}`")]
    Bare(String),
}

/// Cuts `text` into pieces.
///
/// # Errors
/// What stands between braces and is no name.
pub fn parse(text: &str) -> Result<Vec<Piece<'_>>, PlaceholderError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        let (before, from) = rest.split_at(at);
        if before.ends_with('\\') && !before.ends_with(r"\\") {
            // `\{{`: the braces themselves.
            push_text(&mut pieces, &before[..at - 1]);
            push_text(&mut pieces, "{{");
            rest = &from[2..];
            continue;
        }
        push_text(&mut pieces, if before.ends_with(r"\\") { &before[..at - 1] } else { before });
        rest = placeholder(from, &mut pieces)?;
    }
    push_text(&mut pieces, rest);
    Ok(pieces)
}

/// Checks `text` without any values: its placeholders, and in a line for the shell where they stand.
///
/// # Errors
/// The first thing that is wrong.
pub fn check(text: &str, is_shell_line: bool) -> Result<(), PlaceholderError> {
    let pieces = parse(text)?;
    if !is_shell_line {
        return Ok(());
    }
    let mut quoting = Quoting::default();
    for piece in pieces {
        match piece {
            Piece::Text(text) => quoting.read(text),
            Piece::Name(name) => {
                quoting.word().map_err(|place| PlaceholderError::Unsafe { name: name.to_owned(), place })?;
            }
            Piece::BareName(name) => return Err(PlaceholderError::Bare(name.to_owned())),
        }
    }
    Ok(())
}

fn push_text<'a>(pieces: &mut Vec<Piece<'a>>, text: &'a str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
}

/// Reads the placeholder at the start of `from` and returns what follows it.
fn placeholder<'a>(from: &'a str, pieces: &mut Vec<Piece<'a>>) -> Result<&'a str, PlaceholderError> {
    let is_bare = from.starts_with("{{{");
    let (open, close) = if is_bare { (3, "}}}") } else { (2, "}}") };
    let inner = &from[open..];
    let end = inner.find(close).ok_or(PlaceholderError::Open)?;
    let name = inner[..end].trim();
    let rest = &inner[end + close.len()..];
    if name.starts_with('!') {
        return Ok(rest); // a comment
    }
    let literal = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
    let good = match literal {
        Some(name) => !name.is_empty() && !name.contains(['[', ']', '{', '}']),
        None => {
            name.starts_with(|c: char| c.is_alphanumeric() || c == '_')
                && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
        }
    };
    let name = literal.unwrap_or(name);
    if good && name.chars().nth(NAME_CHARS_MAX).is_some() {
        return Err(PlaceholderError::TooLong(name.chars().take(SHOWN_CHARS_MAX).collect()));
    }
    if !good {
        let written = &from[..open + end + close.len()];
        let cut = written.char_indices().nth(SHOWN_CHARS_MAX).map(|(at, _)| format!("{}…", &written[..at]));
        return Err(PlaceholderError::NoName(cut.unwrap_or_else(|| written.to_owned())));
    }
    pieces.push(if is_bare { Piece::BareName(name) } else { Piece::Name(name) });
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use super::Piece::{BareName, Name, Text};
    use super::{NAME_CHARS_MAX, PlaceholderError, check, parse};

    #[test]
    fn pieces() {
        assert_eq!(parse("plain").unwrap(), [Text("plain")]);
        assert_eq!(parse("a{{ b-c_1.d }}e{{f}}").unwrap(), [Text("a"), Name("b-c_1.d"), Text("e"), Name("f")]);
        assert_eq!(parse("{{{b}}}").unwrap(), [BareName("b")]);
        assert_eq!(parse("{{[two words]}}").unwrap(), [Name("two words")]);
        assert_eq!(parse(r"\{{.Names}} {{b}}").unwrap(), [Text("{{"), Text(".Names}} "), Name("b")]);
        assert_eq!(parse(r"a\\{{b}}").unwrap(), [Text(r"a\"), Name("b")]);
        assert_eq!(parse("a{{! not shown }}b").unwrap(), [Text("a"), Text("b")]);
        assert_eq!(parse("}} { {").unwrap(), [Text("}} { {")]);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        assert_eq!(parse("a {{b"), Err(PlaceholderError::Open));
        for text in ["{{}}", "{{#if b}}", "{{/if}}", "{{> partial}}", "{{.Names}}", "{{a b}}", "{{a(b)}}", "{{[]}}"] {
            assert_eq!(parse(text), Err(PlaceholderError::NoName(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_name_has_an_end_and_so_has_what_is_said_of_it() {
        let name = "ü".repeat(NAME_CHARS_MAX);
        assert_eq!(parse(&format!("{{{{{name}}}}}")).unwrap(), [Name(&name)]);
        for text in [format!("{{{{{name}a}}}}"), format!("{{{{[{name}a]}}}}")] {
            assert_eq!(parse(&text), Err(PlaceholderError::TooLong("ü".repeat(100))));
        }
        let Err(PlaceholderError::NoName(said)) = parse(&format!("{{{{a {name}}}}}")) else { panic!("it is no name") };
        assert_eq!(said, format!("{{{{a {}…", "ü".repeat(96)));
    }

    #[test]
    fn a_shell_line_is_checked_without_values() {
        assert_eq!(check("make {{target}}", true), Ok(()));
        assert_eq!(check("make '{{target}}'", false), Ok(()));
        let error = check("make \"{{target}}\"", true).unwrap_err().to_string();
        assert!(error.starts_with("`{{target}}` stands inside double quotes"), "{error}");
        assert_eq!(check("make {{{target}}}", true), Err(PlaceholderError::Bare("target".to_owned())));
        assert_eq!(check(r"make \\{{target}}", true).map_err(|e| e.to_string().contains("backslash")), Err(true));
    }
}
