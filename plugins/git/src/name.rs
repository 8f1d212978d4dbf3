//! Names that could be taken for something else: settings come from whoever forces a build.

use weir_plugin_sdk::Error;

/// None for what is empty, so that a placeholder may be.
pub fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// A repository that git takes for one: no option, no line break, no command in disguise.
pub fn repository(text: &str) -> Result<(), Error> {
    if text.starts_with("ext::") || text.starts_with("fd::") {
        return Err(Error::setting("/repository", "names a command or an open file, where a path or a URL is wanted"));
    }
    if text.trim().is_empty() || text.starts_with('-') || text.contains(char::is_control) {
        return Err(Error::setting("/repository", format!("`{text}` is neither a path nor a URL")));
    }
    Ok(())
}

/// A branch, tag or revision, by the rules of `git check-ref-format`: so it cannot be an option, a pattern or a pair `from:to`.
pub fn reference(pointer: &str, text: &str) -> Result<(), Error> {
    let bad = text.starts_with(['-', '/', '+'])
        || text.ends_with(['/', '.'])
        || text.ends_with(".lock")
        || text.contains("..")
        || text.contains("@{")
        || text.contains(|c: char| c.is_control() || c.is_whitespace() || ":?*[\\^~".contains(c));
    if bad {
        return Err(Error::setting(pointer, format!("`{text}` is no name that git has for a branch, tag or revision")));
    }
    Ok(())
}

/// A directory of the repository.
pub fn directory(pointer: &str, text: &str) -> Result<(), Error> {
    let bad = text.trim().is_empty()
        || text.starts_with(['-', '/', '"'])
        || text.split('/').any(|part| part == "..")
        || text.contains(|c: char| c.is_control() || "*?[\\!#".contains(c));
    if bad {
        let message = format!("`{text}` is no directory of the repository: write its path in it, without a pattern");
        return Err(Error::setting(pointer, message));
    }
    Ok(())
}

/// Whether git reads the repository by itself, as a path, rather than from another machine.
pub fn is_local(repository: &str) -> bool {
    if repository.starts_with("file://") {
        return true;
    }
    // `host:path` is a remote; `./a:b` and `/a:b` are not (giturls(7)).
    match (repository.find(':'), repository.find('/')) {
        (Some(colon), Some(slash)) => slash < colon,
        (Some(_), None) => false,
        (None, _) => true,
    }
}

/// A repository for people: a URL without the user and the password in it, because summaries are read by more people than settings.
pub fn shown(repository: &str) -> String {
    let Some((scheme, rest)) = repository.split_once("://") else { return repository.to_owned() };
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    match host.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://…@{host}{path}"),
        None => repository.to_owned(),
    }
}

/// All 40, or 64, digits of an object's name.
pub fn is_whole_revision(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}
