//! What git is asked to do: fetch into a clone that is kept, then check out exactly one commit.

use crate::name::{self, given};
use crate::program::ANSWER_BYTES_MAX;
use crate::settings::{Clean, Settings, Submodules};
use weir_plugin_sdk::{Build, Command, Context, Error, HostError};

/// Everything decided before git runs.
#[derive(Debug)]
pub struct Checkout {
    pub settings: Settings,
    pub directory: Option<String>,
    pub branch: Option<String>,
    pub revision: Option<String>,
    pub tag: Option<String>,
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
        for (n, directory) in settings.sparse.iter().flatten().enumerate() {
            name::directory(&format!("/sparse/{n}"), directory)?;
        }
        Ok(Self { settings, directory, branch, revision, tag })
    }

    /// Fetches, checks out, cleans.
    pub fn run(&self, cx: &mut Context) -> Result<Done, Stopped> {
        if self.settings.lfs {
            self.find_lfs(cx)?;
        }
        self.prepare(cx)?;
        let (name, wanted) = self.fetch(cx)?;
        let revision = self
            .whole(cx, &wanted)?
            .ok_or_else(|| Stopped::Git(format!("`{}` has no revision `{wanted}`", self.shown())))?;
        // Cleaned before and after: what was ignored there may be in the way here.
        self.clean(cx)?;
        self.narrow(cx)?;
        self.git(
            cx,
            &["checkout", "--quiet", "--force", "--detach", &revision],
            &format!("cannot check out {revision}"),
        )?;
        self.clean(cx)?;
        if self.settings.lfs {
            self.pull_lfs(cx)?;
        }
        match self.settings.submodules {
            Submodules::None => self.leave_submodules(cx)?,
            which => self.update_submodules(cx, which)?,
        }
        Ok(Done { revision, name })
    }

    /// A path of the checkout, as one of the work directory.
    pub fn inside(&self, path: &str) -> String {
        self.directory.as_ref().map_or_else(|| path.to_owned(), |directory| format!("{directory}/{path}"))
    }

    /// A repository to fetch into: the one of the build before, or a new one.
    fn prepare(&self, cx: &mut Context) -> Result<(), Stopped> {
        let is_new = match cx.stat(&self.inside(".git"))? {
            None => true,
            // Without it everything is a file that nobody knows, and is cleaned away.
            Some(_) if self.settings.clean == Clean::Everything => {
                cx.rmdir(&self.inside(".git"))?;
                true
            }
            Some(_) => false,
        };
        if is_new {
            if let Some(directory) = &self.directory {
                cx.mkdir(directory)?;
            }
            self.git(cx, &["init", "--quiet"], "cannot make a repository")?;
        } else {
            // Left behind by a git that was killed, also in submodules and refs; builds of one builder never share a work directory, so
            // nobody holds them.
            let git = format!("./{}", self.inside(".git"));
            let words = ["find", git.as_str(), "-name", "*.lock", "-type", "f", "-delete"];
            cx.capture(&Command::program(words), ANSWER_BYTES_MAX)?;
        }
        // For scripts that ask where they come from, for submodules with relative addresses, and for what a partial clone left out.
        let url = &self.settings.repository;
        self.git(cx, &["config", "remote.origin.url", url], "cannot set the repository's address")
    }

    /// All digits of a commit that is here.
    pub fn whole(&self, cx: &mut Context, revision: &str) -> Result<Option<String>, Stopped> {
        let commit = format!("{revision}^{{commit}}");
        let words = ["rev-parse", "--quiet", "--verify", "--end-of-options", &commit];
        let captured = cx.capture(&self.command(&[], &words), ANSWER_BYTES_MAX)?;
        Ok(captured.exit.is_success().then(|| captured.text()).filter(|text| name::is_whole_revision(text)))
    }

    /// Removes what the settings want removed.
    fn clean(&self, cx: &mut Context) -> Result<(), Stopped> {
        match self.settings.clean.flags() {
            Some(flags) => self.git(cx, &["clean", "--quiet", flags], "cannot clean the work directory"),
            None => Ok(()),
        }
    }
}
