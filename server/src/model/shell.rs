//! Lines for the POSIX shell: how a value becomes one word, and where in a line a word may be put safely.

use std::fmt;

/// `value` as one word of the shell: in single quotes, whatever it holds.
pub fn quote(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Why a value cannot be put at a place of a line: single quotes around it would not keep it one word there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsafe {
    /// Inside `'...'`.
    SingleQuotes,
    /// Inside `"..."`.
    DoubleQuotes,
    /// Right after a backslash or a `$`.
    Escape,
    /// In a comment.
    Comment,
    /// Inside `` `...` ``.
    Backquotes,
    /// Inside `${...}`.
    Parameter,
    /// Inside `$((...))`.
    Arithmetic,
    /// After something whose end is not followed: a here-document, `$'...'`, `case` inside `$(...)`, nested quoting.
    Unfollowed,
}

impl fmt::Display for Unsafe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SingleQuotes => "inside single quotes",
            Self::DoubleQuotes => "inside double quotes",
            Self::Escape => "right after a backslash or a `$`",
            Self::Comment => "in a comment",
            Self::Backquotes => "inside backquotes",
            Self::Parameter => "inside `${...}`",
            Self::Arithmetic => "inside `$((...))`",
            Self::Unfollowed => "after a here-document, `$'...'` or quoting too deep to follow",
        })
    }
}

/// Follows the quoting of a line, piece by piece. In doubt it refuses: a place is only called safe where single quotes hold.
#[derive(Debug, Default)]
pub struct Quoting {
    /// What is open, outermost first; empty is the line itself.
    open: Vec<Open>,
    escaped: bool,
    previous: Previous,
    /// The word that is being read, as far as it matters (`case`), and whether a `#` here would open a comment.
    word: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Single,
    Double,
    /// `$(`; how many plain parentheses are open in it.
    Substitution(u32),
    Backquote,
    Parameter,
    /// `$((`; how many parentheses are open.
    Arithmetic(u32),
    Comment,
    Lost,
}

/// The last unquoted character, where the next one may make something of the two.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Previous {
    #[default]
    Nothing,
    Dollar,
    /// The parenthesis of a `$(`.
    DollarParenthesis,
    Parenthesis,
    Less,
}

impl Quoting {
    /// Reads a piece of the line.
    pub fn read(&mut self, text: &str) {
        for c in text.chars() {
            let previous = std::mem::take(&mut self.previous);
            match self.open.last().copied() {
                None | Some(Open::Substitution(_)) => self.plain(c, previous),
                Some(Open::Double) => self.double(c, previous),
                Some(Open::Single) => self.close_at(c, '\''),
                Some(Open::Comment) => {
                    if c == '\n' {
                        self.open.pop();
                        self.word.clear();
                    }
                }
                Some(Open::Backquote) => self.backquote(c),
                Some(Open::Parameter) => match c {
                    '}' => self.close(),
                    '\'' | '"' | '`' | '$' | '\\' | '{' => self.lose(),
                    _ => {}
                },
                Some(Open::Arithmetic(depth)) => self.arithmetic(c, depth, previous),
                Some(Open::Lost) => return,
            }
        }
    }

    /// Puts a quoted word here.
    ///
    /// # Errors
    /// Where single quotes would not keep it one word.
    pub fn word(&mut self) -> Result<(), Unsafe> {
        match self.open.last() {
            Some(Open::Single) => return Err(Unsafe::SingleQuotes),
            Some(Open::Double) => return Err(Unsafe::DoubleQuotes),
            Some(Open::Backquote) => return Err(Unsafe::Backquotes),
            Some(Open::Parameter) => return Err(Unsafe::Parameter),
            Some(Open::Arithmetic(_)) => return Err(Unsafe::Arithmetic),
            Some(Open::Comment) => return Err(Unsafe::Comment),
            Some(Open::Lost) => return Err(Unsafe::Unfollowed),
            None | Some(Open::Substitution(_)) => {}
        }
        if self.escaped || self.previous == Previous::Dollar {
            return Err(Unsafe::Escape);
        }
        self.previous = Previous::Nothing;
        self.word.push('\'');
        Ok(())
    }

    fn plain(&mut self, c: char, previous: Previous) {
        if std::mem::take(&mut self.escaped) {
            // A backslash and a newline are nothing at all; any other escaped character is part of a word.
            if c != '\n' {
                self.word.push('\\');
            }
            return;
        }
        match c {
            '\\' => self.escaped = true,
            '\'' if previous == Previous::Dollar => self.lose(),
            '\'' => self.open_in_word(Open::Single),
            '"' => self.open_in_word(Open::Double),
            '`' => self.open_in_word(Open::Backquote),
            '#' if self.word.is_empty() => self.open.push(Open::Comment),
            '[' if previous == Previous::Dollar => self.lose(),
            '{' if previous == Previous::Dollar => self.open_in_word(Open::Parameter),
            '(' => self.parenthesis(previous),
            ')' => self.end_parenthesis(),
            '<' if previous == Previous::Less => self.lose(),
            ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' => {
                self.end_word();
                if c == '<' && self.open.last() != Some(&Open::Lost) {
                    self.previous = Previous::Less;
                }
            }
            _ => {
                if c == '$' {
                    self.previous = Previous::Dollar;
                }
                // Only whether it is `case` matters: no need to keep more.
                if self.word.len() < 8 {
                    self.word.push(c);
                }
            }
        }
    }

    fn parenthesis(&mut self, previous: Previous) {
        match (previous, self.open.last_mut()) {
            (Previous::Dollar, _) => {
                self.open_in_word(Open::Substitution(0));
                self.word.clear();
                self.previous = Previous::DollarParenthesis;
            }
            (Previous::DollarParenthesis, Some(top)) => *top = Open::Arithmetic(2),
            // `((` is arithmetic to some shells, and there quotes are none.
            (Previous::Parenthesis, _) => self.lose(),
            (_, top) => {
                if let Some(Open::Substitution(depth)) = top {
                    *depth += 1;
                }
                self.end_word();
                if self.open.last() != Some(&Open::Lost) {
                    self.previous = Previous::Parenthesis;
                }
            }
        }
    }

    fn end_parenthesis(&mut self) {
        self.end_word();
        match self.open.last_mut() {
            Some(Open::Substitution(0)) => self.close(),
            Some(Open::Substitution(depth)) => *depth -= 1,
            _ => {}
        }
    }

    fn double(&mut self, c: char, previous: Previous) {
        if std::mem::take(&mut self.escaped) {
            return;
        }
        match c {
            '\\' => self.escaped = true,
            '"' => self.close(),
            '`' => self.open.push(Open::Backquote),
            '$' => self.previous = Previous::Dollar,
            '{' if previous == Previous::Dollar => self.open.push(Open::Parameter),
            '[' if previous == Previous::Dollar => self.lose(),
            '(' if previous == Previous::Dollar => {
                self.open.push(Open::Substitution(0));
                self.word.clear();
                self.previous = Previous::DollarParenthesis;
            }
            _ => {}
        }
    }

    fn backquote(&mut self, c: char) {
        if std::mem::take(&mut self.escaped) {
            return;
        }
        match c {
            '\\' => self.escaped = true,
            '`' => self.close(),
            '\'' | '"' | '#' | '<' => self.lose(),
            _ => {}
        }
    }

    fn arithmetic(&mut self, c: char, depth: u32, previous: Previous) {
        let depth = match c {
            '(' => depth + 1,
            ')' => depth - 1,
            '\'' | '"' | '`' | '\\' | '#' | ';' | '\n' => return self.lose(),
            '<' if previous == Previous::Less => return self.lose(),
            '<' => {
                self.previous = Previous::Less;
                depth
            }
            _ => depth,
        };
        if depth == 0 {
            self.close();
        } else if let Some(top) = self.open.last_mut() {
            *top = Open::Arithmetic(depth);
        }
    }

    fn close_at(&mut self, c: char, end: char) {
        if c == end {
            self.close();
        }
    }

    /// What was open ends; it was part of a word.
    fn close(&mut self) {
        self.open.pop();
        self.word.clear();
        self.word.push('\'');
    }

    fn open_in_word(&mut self, what: Open) {
        self.open.push(what);
        self.word.push('\'');
    }

    fn lose(&mut self) {
        self.open.push(Open::Lost);
    }

    fn end_word(&mut self) {
        // The parentheses of `case` patterns do not pair: inside `$(...)` its end would be taken wrongly.
        if self.word == "case" && matches!(self.open.last(), Some(Open::Substitution(_))) {
            self.lose();
        }
        self.word.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::{Quoting, Unsafe, quote};

    /// Where `@` stands in the line, a word is put.
    fn place(line: &str) -> Result<(), Unsafe> {
        let mut quoting = Quoting::default();
        let mut pieces = line.split('@');
        quoting.read(pieces.next().unwrap());
        for piece in pieces {
            quoting.word()?;
            quoting.read(piece);
        }
        Ok(())
    }

    #[test]
    fn a_quoted_value_is_one_word() {
        assert_eq!(quote("x;touch pwned"), "'x;touch pwned'");
        assert_eq!(quote("it's"), r"'it'\''s'");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("-rf"), "'-rf'");
    }

    #[test]
    fn a_word_may_stand_where_single_quotes_hold() {
        for line in [
            "@",
            "make @",
            "--branch=@ @",
            "a'b'@",
            r#"echo "it's" @"#,
            r#"echo "\"" @"#,
            r"echo \' @",
            "echo `date` @",
            "x=$((1 + (2))) @",
            "${HOME}/@",
            r#"echo "$(git log @)""#,
            r#"echo "$( (cd x; ls @) )" @"#,
            "# a comment\nmake @",
            "a#b @",
            "a \\\n@",
            "(cd x && make @)",
            "echo $HOME @ > @ 2>&1",
            "case x in x) echo @;; esac",
            "$(x)#no comment @",
        ] {
            assert_eq!(place(line), Ok(()), "{line}");
        }
    }

    #[test]
    fn a_word_is_refused_where_single_quotes_do_not_hold() {
        for (line, why) in [
            ("echo '@'", Unsafe::SingleQuotes),
            ("echo \"@\"", Unsafe::DoubleQuotes),
            (r"echo \@", Unsafe::Escape),
            ("echo $@", Unsafe::Escape),
            ("# @", Unsafe::Comment),
            ("ls;# @", Unsafe::Comment),
            ("a \\\n# @", Unsafe::Comment),
            ("echo `@`", Unsafe::Backquotes),
            ("echo ${x:-@}", Unsafe::Parameter),
            ("echo $((@ + 1))", Unsafe::Arithmetic),
            ("cat <<E\n@\nE", Unsafe::Unfollowed),
            ("echo $'a' @", Unsafe::Unfollowed),
            ("((@))", Unsafe::Unfollowed),
            (r#"echo "$(case x in x) echo "@";; esac)""#, Unsafe::Unfollowed),
            (r#"echo "${x:-"@"}""#, Unsafe::Unfollowed),
            ("echo `echo '` @", Unsafe::Unfollowed),
            ("echo $[@]", Unsafe::Unfollowed),
            (r#"echo "$(echo "@")""#, Unsafe::DoubleQuotes),
        ] {
            assert_eq!(place(line), Err(why), "{line}");
        }
    }
}
