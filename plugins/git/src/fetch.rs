//! What is fetched, and how little of it will do.

use crate::checkout::{Checkout, Stopped};
use crate::name;
use crate::program::{UPLOAD_PACK, ended};
use weir_plugin_sdk::Context;

impl Checkout {
    /// Fetches what is wanted; returns its name for people, and for git.
    pub fn fetch(&self, cx: &mut Context) -> Result<(String, String), Stopped> {
        if let Some(tag) = &self.tag {
            self.fetch_refs(cx, &[&tag_spec(tag)], tag)?;
            let wanted = self.revision.clone().unwrap_or_else(|| format!("refs/tags/{tag}"));
            return Ok((tag.clone(), wanted));
        }
        if let Some(revision) = &self.revision {
            return Ok((self.branch.clone().unwrap_or_else(|| "HEAD".to_owned()), self.fetch_revision(cx, revision)?));
        }
        match &self.branch {
            Some(branch) => Ok((branch.clone(), self.fetch_branch(cx, branch)?)),
            None => {
                let name = self.default_branch(cx)?;
                self.fetch_refs(cx, &["HEAD"], name.as_deref().unwrap_or("the default branch"))?;
                Ok((name.unwrap_or_else(|| "HEAD".to_owned()), "FETCH_HEAD".to_owned()))
            }
        }
    }

    /// A branch; what is no branch may be a tag.
    fn fetch_branch(&self, cx: &mut Context, branch: &str) -> Result<String, Stopped> {
        let what = match self.kind_of(cx, branch)? {
            Some(kind) => kind,
            None => return Err(Stopped::Git(format!("`{}` has no branch `{branch}`", self.shown()))),
        };
        let (spec, wanted) = match what {
            Kind::Branch => (branch_spec(branch), format!("refs/remotes/origin/{branch}")),
            Kind::Tag => (tag_spec(branch), format!("refs/tags/{branch}")),
            Kind::Reference => (branch.to_owned(), "FETCH_HEAD".to_owned()),
        };
        self.fetch_refs(cx, &[&spec], branch)?;
        Ok(wanted)
    }

    /// An exact revision: it may be here already, on its branch, on any branch, or only be had by its name.
    fn fetch_revision(&self, cx: &mut Context, revision: &str) -> Result<String, Stopped> {
        if name::is_whole_revision(revision) && self.whole(cx, revision)?.is_some() {
            return Ok(revision.to_owned());
        }
        if let Some(branch) = &self.branch
            && self.kind_of(cx, branch)?.is_some()
        {
            self.fetch_branch(cx, branch)?;
            if self.whole(cx, revision)?.is_some() {
                return Ok(revision.to_owned());
            }
        }
        self.fetch_refs(cx, &["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"], "all branches")?;
        if name::is_whole_revision(revision) && self.whole(cx, revision)?.is_none() {
            self.fetch_refs(cx, &[revision], revision)?;
        }
        Ok(revision.to_owned())
    }

    fn fetch_refs(&self, cx: &mut Context, specs: &[&str], what: &str) -> Result<(), Stopped> {
        cx.summary(&format!("fetching {what}"))?;
        let mut words = vec!["fetch", "--force", "--no-tags", "--no-recurse-submodules"];
        let depth;
        if let Some(commits) = self.settings.depth {
            depth = format!("--depth={commits}");
            words.push(&depth);
        }
        let filter;
        if let Some(kind) = self.settings.filter {
            filter = ["--filter=", kind.word()].concat();
            // By its name: git keeps there where what was left out is to be had.
            words.extend([filter.as_str(), "--", "origin"]);
        } else {
            self.add_repository(&mut words);
        }
        words.extend(specs);
        // What tidies up in the background would be killed with the step.
        let command = self.command(&["gc.autoDetach=false", "maintenance.autoDetach=false"], &words);
        ended(cx.run(&command)?, &format!("cannot fetch {what} from {}", self.shown()))
    }

    /// What the repository has by this name.
    fn kind_of(&self, cx: &mut Context, name: &str) -> Result<Option<Kind>, Stopped> {
        let (branch, tag) = (format!("refs/heads/{name}"), format!("refs/tags/{name}"));
        let mut words = vec!["ls-remote", "--quiet"];
        self.add_repository(&mut words);
        words.extend([branch.as_str(), tag.as_str(), name]);
        let answer = self.ask(cx, &words)?;
        let names: Vec<&str> = answer.lines().filter_map(|line| line.split_once('\t')).map(|(_, name)| name).collect();
        Ok(if names.contains(&branch.as_str()) {
            Some(Kind::Branch)
        } else if names.contains(&tag.as_str()) {
            Some(Kind::Tag)
        } else if names.contains(&name) {
            Some(Kind::Reference)
        } else {
            None
        })
    }

    /// The repository's default branch, where it says one.
    fn default_branch(&self, cx: &mut Context) -> Result<Option<String>, Stopped> {
        let mut words = vec!["ls-remote", "--quiet", "--symref"];
        self.add_repository(&mut words);
        words.push("HEAD");
        let answer = self.ask(cx, &words)?;
        let branch = answer.lines().find_map(|line| line.strip_prefix("ref: refs/heads/")?.split('\t').next());
        Ok(branch.map(str::to_owned))
    }

    /// The rest of a command that talks to the repository.
    fn add_repository<'a>(&'a self, words: &mut Vec<&'a str>) {
        if name::is_local(&self.settings.repository) {
            words.extend(["--upload-pack", UPLOAD_PACK]);
        }
        words.extend(["--", &self.settings.repository]);
    }
}

/// What a name stands for in the repository.
enum Kind {
    Branch,
    Tag,
    Reference,
}

fn branch_spec(branch: &str) -> String {
    format!("+refs/heads/{branch}:refs/remotes/origin/{branch}")
}

fn tag_spec(tag: &str) -> String {
    format!("+refs/tags/{tag}:refs/tags/{tag}")
}
