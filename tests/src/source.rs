//! The repository's own text, for the tests that keep its law.

use std::path::{Path, PathBuf};

/// A file of the repository.
#[derive(Debug, Clone)]
pub struct Source {
    /// From the repository's root, with `/`.
    pub path: String,
    /// As it is.
    pub text: String,
    /// Rust without comments and test modules, the inside of strings blanked; line numbers are kept.
    pub code: String,
    /// The strings of `code`, with their line numbers from 1.
    pub strings: Vec<(usize, String)>,
    /// All of it is for tests: it lies in a folder of tests, or its module is declared under `#[cfg(test)]`.
    pub is_test: bool,
}

impl Source {
    /// Takes `text` for the file at `path`.
    pub fn new(path: &str, text: &str) -> Self {
        let (code, strings) = if path.ends_with(".rs") { lex(text) } else { (String::new(), Vec::new()) };
        let n_lines = first_test_line(&code).unwrap_or(usize::MAX);
        let code = code.lines().take(n_lines).collect::<Vec<_>>().join("\n");
        let strings = strings.into_iter().filter(|(line, _)| *line <= n_lines).collect();
        let is_test = path.contains("tests/") || path.ends_with("tests.rs");
        Self { path: path.to_owned(), text: text.to_owned(), code, strings, is_test }
    }

    /// Lines of `code` that fit, with their numbers from 1.
    pub fn lines_with<'a>(&'a self, pattern: &'a regex::Regex) -> impl Iterator<Item = (usize, &'a str)> {
        let lines = self.code.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        lines.filter(|(_, line)| pattern.is_match(line))
    }

    /// The modules that lead here from the crate's root: `web/pages/mod.rs` is `web`, `pages`.
    pub fn modules(&self) -> Vec<&str> {
        let inside = self.path.split_once("src/").map_or("", |(_, inside)| inside);
        let mut modules: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
        if matches!(modules.last(), Some(&("mod" | "lib" | "main"))) {
            modules.pop();
        }
        modules
    }
}

/// The repository.
///
/// # Panics
/// Never: this crate lies in it.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("this crate lies in the repository")
}

/// Every file under `folder` (from the root) whose name ends in one of `endings`, in the order of their paths.
///
/// # Panics
/// Where a file cannot be read.
pub fn read(folder: &str, endings: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    walk(&root().join(folder), &mut paths);
    paths.sort();
    let wanted = paths.iter().filter(|path| endings.iter().any(|e| path.to_string_lossy().ends_with(e)));
    let mut sources: Vec<Source> = wanted
        .map(|path| {
            let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let path = path.strip_prefix(root()).expect("it lies under the root").to_string_lossy().replace('\\', "/");
            Source::new(&path, &text)
        })
        .collect();
    let for_tests: Vec<String> = sources.iter().flat_map(test_modules).collect();
    for source in &mut sources {
        source.is_test |= for_tests.iter().any(|module| source.path.starts_with(module));
    }
    sources
}

/// What the paths of modules begin with that are declared under `#[cfg(test)]` in this file.
fn test_modules(file: &Source) -> Vec<String> {
    let declared = regex::Regex::new(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))? )?mod (\w+);")
        .expect("a pattern");
    let folder = ["mod.rs", "lib.rs", "main.rs"].iter().find_map(|name| file.path.strip_suffix(name));
    let folder = folder.map_or_else(|| file.path.trim_end_matches(".rs").to_owned() + "/", str::to_owned);
    let names = declared.captures_iter(&file.code).map(|found| found[1].to_owned());
    names.flat_map(|name| [format!("{folder}{name}.rs"), format!("{folder}{name}/")]).collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if path.is_dir() && !hidden && entry.file_name() != "target" {
            walk(&path, found);
        } else if path.is_file() {
            found.push(path);
        }
    }
}

/// The line (from 0) at which the tests of a file begin: they come last.
fn first_test_line(code: &str) -> Option<usize> {
    let lines: Vec<&str> = code.lines().map(str::trim).collect();
    lines.iter().enumerate().position(|(index, line)| {
        let next = lines[index + 1..].iter().find(|line| !line.is_empty() && !line.starts_with("#["));
        line.starts_with("#[cfg(test)]") && next.is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'))
    })
}

/// Blanks comments and the inside of strings, and collects the strings.
fn lex(text: &str) -> (String, Vec<(usize, String)>) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut strings) = (String::new(), Vec::new());
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let rest = &chars[at..];
        let n = match rest {
            ['/', '/', ..] => rest.iter().position(|c| *c == '\n').unwrap_or(rest.len()),
            ['/', '*', ..] => block_comment(rest),
            ['r', '"' | '#', ..] if !is_word(&chars, at) => raw_string(rest).unwrap_or(0),
            ['"', ..] => string(rest),
            ['\'', '\\', ..] => 2 + rest[2..].iter().skip(1).position(|c| *c == '\'').map_or(0, |n| n + 2),
            ['\'', _, '\'', ..] => 3,
            _ => 0,
        };
        if n == 0 {
            code.push(chars[at]);
            line += usize::from(chars[at] == '\n');
            at += 1;
            continue;
        }
        let piece: String = rest[..n].iter().collect();
        if piece.starts_with(['"', 'r']) {
            let inside = piece.trim_start_matches('r').trim_matches('#');
            strings.push((line, inside[1..inside.len() - 1].to_owned()));
            code.push_str("\"\"");
        }
        let newlines = piece.matches('\n').count();
        code.push_str(&"\n".repeat(newlines));
        line += newlines;
        at += n;
    }
    (code, strings)
}

/// Whether the character before `at` belongs to a word: then an `r` there begins no raw string.
fn is_word(chars: &[char], at: usize) -> bool {
    at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_')
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at + 1 < rest.len() {
        match (rest[at], rest[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn string(rest: &[char]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != '"' {
        at += if rest[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

fn raw_string(rest: &[char]) -> Option<usize> {
    let n_hashes = rest[1..].iter().take_while(|c| **c == '#').count();
    if rest.get(1 + n_hashes) != Some(&'"') {
        return None;
    }
    let inside = &rest[2 + n_hashes..];
    let ends = |at: usize| {
        inside[at] == '"' && inside[at + 1..].iter().take(n_hashes).filter(|c| **c == '#').count() == n_hashes
    };
    let end = (0..inside.len()).find(|at| ends(*at))?;
    Some(2 + n_hashes + end + 1 + n_hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_and_tests_are_no_code() {
        let text = "//! caption\nlet a = \"x // y\"; // z\nlet b = r#\"q \"w\" e\"#; let c = '\"'; /* m\n n */ let r = 'a';\nfn f<'a>() {}\n#[cfg(test)]\nmod tests {\n let t = \"t\";\n}\n";
        let source = Source::new("server/src/web/pages/mod.rs", text);
        assert_eq!(source.code, "\nlet a = \"\"; \nlet b = \"\"; let c = ; \n let r = ;\nfn f<'a>() {}");
        assert_eq!(source.strings, [(2, "x // y".to_owned()), (3, "q \"w\" e".to_owned())]);
        assert_eq!(source.modules(), ["web", "pages"]);
    }

    #[test]
    fn a_module_declared_for_tests_is_for_tests() {
        let file = Source::new("server/src/render/mod.rs", "//! x\n#[cfg(test)]\nmod sample;\nmod real;\n");
        assert_eq!(test_modules(&file), ["server/src/render/sample.rs", "server/src/render/sample/"]);
    }
}
