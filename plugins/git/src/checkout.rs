//! What git is asked to do: fetch into a clone that is kept, then check out exactly one commit.

use crate::Settings;
use crate::name::{self, given};
use weir_plugin_sdk::{Build, Command, Context, Error, Exit, HostError};

/// Answers of git that are read are this short.
const ANSWER_BYTES_MAX: usize = 4 << 10;
/// Reads a repository that belongs to another user. It must reach `upload-pack` itself, which trusts neither a repository's own
/// configuration nor one in the environment, and runs nothing of the repository.
const UPLOAD_PACK: &str = "git -c 'safe.directory=*' upload-pack";
/// Left behind by a git that was killed; builds of one builder never share a work directory, so nobody holds them.
const LOCKS: [&str; 4] = [".git/index.lock", ".git/HEAD.lock", ".git/shallow.lock", ".git/config.lock"];

/// Everything decided before git runs.
#[derive(Debug)]
pub struct Checkout {
    settings: Settings,
    directory: Option<String>,
    branch: Option<String>,
    revision: Option<String>,
    tag: Option<String>,
}

/// Why there is nothing checked out.
#[derive(Debug)]
pub enum Stopped {
    /// git said no: a few words for the step.
    Git(String),
    /// The step could not do its work.
    Step(Error),
}

impl From<HostError> for Stopped {
    fn from(error: HostError) -> Self {
        Self::Step(error.into())
    }
}

/// What is checked out.
#[derive(Debug)]
pub struct Done {
    /// The commit, whole.
    pub revision: String,
    name: String,
}

impl Done {
    /// `main@1a2b3c4d5e`.
    pub fn summary(&self) -> String {
        let short = self.revision.get(..10).unwrap_or(&self.revision);
        format!("{}@{short}", self.name)
    }
}

impl Checkout {
    /// Decides what to check out: settings, then the build's source stamp.
    pub fn new(build: &Build, mut settings: Settings) -> Result<Self, Error> {
        let follow = settings.source_stamp;
        let own = |value: &Option<String>| value.clone().filter(|_| follow);
        let tag = given(settings.tag.take());
        let branch = given(settings.branch.take()).or_else(|| given(own(&build.branch)));
        let revision =
            given(settings.revision.take()).or_else(|| given(own(&build.revision)).filter(|_| tag.is_none()));
        let directory = given(settings.directory.take());
        name::repository(&settings.repository)?;
        for (pointer, value) in [("/tag", &tag), ("/branch", &branch), ("/revision", &revision)] {
            if let Some(value) = value {
                name::reference(pointer, value)?;
            }
        }
        Ok(Self { settings, directory, branch, revision, tag })
    }

    /// Fetches, checks out, cleans.
    pub fn run(&self, cx: &mut Context) -> Result<Done, Stopped> {
        self.prepare(cx)?;
        let (name, wanted) = self.fetch(cx)?;
        let revision = self
            .whole(cx, &wanted)?
            .ok_or_else(|| Stopped::Git(format!("`{}` has no revision `{wanted}`", self.shown())))?;
        // Cleaned before and after: what was ignored there may be in the way here.
        self.clean(cx)?;
        self.git(
            cx,
            &["checkout", "--quiet", "--force", "--detach", &revision],
            &format!("cannot check out {revision}"),
        )?;
        self.clean(cx)?;
        if self.settings.submodules {
            self.submodules(cx)?;
        }
        Ok(Done { revision, name })
    }

    /// A repository to fetch into: the one of the build before, or a new one.
    fn prepare(&self, cx: &mut Context) -> Result<(), Stopped> {
        let inside = |path: &str| self.directory.as_ref().map_or_else(|| path.to_owned(), |d| format!("{d}/{path}"));
        if cx.stat(&inside(".git"))?.is_some() {
            let locks = LOCKS.map(inside);
            let words = ["rm", "-f", "--"].into_iter().map(str::to_owned).chain(locks);
            cx.capture(&Command::program(words), ANSWER_BYTES_MAX)?;
        } else {
            if let Some(directory) = &self.directory {
                cx.mkdir(directory)?;
            }
            self.git(cx, &["init", "--quiet"], "cannot make a repository")?;
        }
        // For scripts that ask where they come from; fetching does not use it.
        let url = &self.settings.repository;
        self.git(cx, &["config", "remote.origin.url", url], "cannot set the repository's address")
    }

    /// Fetches what is wanted; returns its name for people, and for git.
    fn fetch(&self, cx: &mut Context) -> Result<(String, String), Stopped> {
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
        // What tidies up in the background would be killed with the step.
        let mut words = vec!["-c", "gc.autoDetach=false", "-c", "maintenance.autoDetach=false"];
        words.extend(["fetch", "--force", "--no-tags", "--no-recurse-submodules"]);
        let depth;
        if let Some(commits) = self.settings.depth {
            depth = format!("--depth={commits}");
            words.push(&depth);
        }
        self.add_repository(&mut words);
        words.extend(specs);
        self.git(cx, &words, &format!("cannot fetch {what} from {}", self.shown()))
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

    /// The repository as messages name it.
    fn shown(&self) -> String {
        name::shown(&self.settings.repository)
    }

    /// The rest of a command that talks to the repository.
    fn add_repository<'a>(&'a self, words: &mut Vec<&'a str>) {
        if name::is_local(&self.settings.repository) {
            words.extend(["--upload-pack", UPLOAD_PACK]);
        }
        words.extend(["--", &self.settings.repository]);
    }

    /// All digits of a commit that is here.
    fn whole(&self, cx: &mut Context, revision: &str) -> Result<Option<String>, Stopped> {
        let commit = format!("{revision}^{{commit}}");
        let words = ["rev-parse", "--quiet", "--verify", "--end-of-options", &commit];
        let captured = cx.capture(&self.command(&words), ANSWER_BYTES_MAX)?;
        Ok(captured.exit.is_success().then(|| captured.text()).filter(|text| name::is_whole_revision(text)))
    }

    fn clean(&self, cx: &mut Context) -> Result<(), Stopped> {
        if self.settings.clean {
            self.git(cx, &["clean", "--quiet", "-ffdx"], "cannot clean the work directory")?;
        }
        Ok(())
    }

    fn submodules(&self, cx: &mut Context) -> Result<(), Stopped> {
        cx.summary("updating submodules")?;
        let failed = "cannot update the submodules";
        self.git(cx, &["submodule", "--quiet", "sync", "--recursive"], failed)?;
        let mut words = vec!["submodule", "update", "--init", "--recursive", "--force"];
        let depth;
        if let Some(commits) = self.settings.depth {
            depth = format!("--depth={commits}");
            words.push(&depth);
        }
        self.git(cx, &words, failed)?;
        if self.settings.clean {
            let clean = "git clean --quiet -ffdx";
            self.git(cx, &["submodule", "--quiet", "foreach", "--recursive", clean], failed)?;
        }
        Ok(())
    }

    fn command(&self, words: &[&str]) -> Command {
        let words = ["git"].into_iter().chain(words.iter().copied());
        Command::program(words).directory(self.directory.as_deref()).env("GIT_TERMINAL_PROMPT", "0")
    }

    /// Runs git with its output in the log.
    fn git(&self, cx: &mut Context, words: &[&str], failed: &str) -> Result<(), Stopped> {
        ended(cx.run(&self.command(words))?, failed)
    }

    /// Runs git and reads its answer.
    fn ask(&self, cx: &mut Context, words: &[&str]) -> Result<String, Stopped> {
        let captured = cx.capture(&self.command(words), ANSWER_BYTES_MAX)?;
        if !captured.exit.is_success() {
            cx.append("stdio", &String::from_utf8_lossy(&captured.stderr))?;
        }
        ended(captured.exit.clone(), &format!("cannot read {}", self.shown()))?;
        Ok(captured.text())
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

fn ended(exit: Exit, failed: &str) -> Result<(), Stopped> {
    match exit {
        Exit::Code(0) => Ok(()),
        Exit::Lost(why) => Err(Stopped::Step(Error::Retryable(why))),
        exit => Err(Stopped::Git(format!("{failed}: git {exit}"))),
    }
}
