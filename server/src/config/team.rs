//! `[team.*]` and `teams/*.toml`: a tenant.

use super::builder::{Builder, BuilderRules, RawBuilder};
use super::diagnostic::Place;
use super::expansion;
use super::path::KeyPath;
use super::patterns::Patterns;
use super::quota::{Quota, RawQuota};
use super::read::{At, Node, Read, Reader, section, word};
use super::recipe::{RawRecipe, StepRules, Unnamed};
use super::reporter::{RawReporter, Reporter};
use super::repository::Repository;
use super::reserved::Reserved;
use super::scheduler::RawScheduler;
use super::settings::Plugins;
use super::source_of_changes::RawSource;
use super::unset;
use super::value::Count;
use super::view::RawView;
use super::worker::Worker;
use crate::model::egress::HostRule;
use crate::model::name::check_plain;
use crate::model::right::Visibility;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

section! {
    /// A tenant: owns builders, secrets, views and quotas. A file `teams/NAME.toml` has the keys of `[team.NAME]`, and nothing outside
    /// that team.
    struct RawTeam {
        /// The git repository in which its files are. Only in the instance's files; beside it stand only `title`, `visibility`, `quota`,
        /// `weight` and `secret`; the last three are never the repository's to write.
        config = "config": Repository;
        /// For people.
        title = "title": String, "the name";
        /// Who sees it.
        visibility = "visibility": Visibility, "\"public\"";
        /// What it may use.
        quota = "quota": RawQuota, "that of `[server]`";
        /// Its share of free slots against other teams, 1 to 1000.
        weight = "weight": At<Count>, "1";
        /// Its secrets, by name.
        secret = "secret": BTreeMap<String, At<TeamSecret>>;
        /// Where its changes come from.
        source = "source": BTreeMap<String, RawSource>;
        /// Steps that its builders share.
        recipe = "recipe": BTreeMap<String, RawRecipe>;
        /// Its builders.
        builder = "builder": BTreeMap<String, RawBuilder>;
        /// When they build.
        scheduler = "scheduler": BTreeMap<String, RawScheduler>;
        /// Who hears of it.
        reporter = "reporter": BTreeMap<String, RawReporter>;
        /// Its views: they see only its own builders.
        view = "view": BTreeMap<String, RawView>;
    }
}

/// A tenant: owns builders, secrets, views, quotas.
#[derive(Debug, Clone)]
pub struct Team {
    /// Named by the table or by the file.
    pub name: String,
    /// For people; defaults to the name.
    pub title: String,
    /// Who sees it.
    pub visibility: Visibility,
    /// Where that is written; none where nothing is.
    pub visibility_at: Option<Place>,
    /// What it may use.
    pub quota: Quota,
    /// Its share of free slots against other teams; at least 1.
    pub weight: u32,
    /// Its secrets by name.
    pub secrets: BTreeMap<String, TeamSecret>,
    /// What they may not come from, now or later.
    pub reserved: Arc<Reserved>,
    /// Its builders by name, matrices expanded.
    pub builders: BTreeMap<String, Arc<Builder>>,
    /// Who hears of its builds, by name; those whose plugin is not there are left out.
    pub reporters: BTreeMap<String, Arc<Reporter>>,
    /// The file that declares it.
    pub file: PathBuf,
}

/// The variable in which systemd says where the credentials of a service are.
pub const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Where a secret's value comes from; the value itself is read when it is used and never kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// A variable of the server's environment.
    Env(String),
    /// A file, absolute.
    File(PathBuf),
    /// A credential that systemd hands to the server, by name.
    Credential(String),
    /// What a program prints, without a shell. Only in the instance's files.
    Command(Vec<String>),
}

impl Secret {
    /// The file that holds it, where it is one.
    pub fn path(&self) -> Option<PathBuf> {
        match self {
            Self::File(path) => Some(path.clone()),
            Self::Credential(name) => Some(PathBuf::from(std::env::var_os(CREDENTIALS)?).join(name)),
            Self::Env(_) | Self::Command(_) => None,
        }
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(variable) => write!(f, "variable {variable}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Credential(name) => write!(f, "credential {name}"),
            Self::Command(argv) => write!(f, "command {argv:?}"),
        }
    }
}

/// A secret of a team: where its value comes from, and where it may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TeamSecret {
    /// Where its value comes from.
    pub from: Secret,
    /// The only services that it may be sent to; then nothing else gets it. None is whatever a step is used for.
    pub hosts: Option<Vec<HostRule>>,
}

/// What teams are checked against.
pub struct TeamRules<'a> {
    /// Where builds may run; none where workers cannot be judged.
    pub workers: Option<&'a BTreeMap<String, Worker>>,
    /// The plugins that are present.
    pub plugins: &'a Plugins<'a>,
    /// What a team may use that says nothing itself.
    pub quota: &'a Quota,
    /// Names of the variables that the server has.
    pub variables: &'a BTreeSet<String>,
    /// Where to say what is wrong.
    pub reader: &'a Reader<'a>,
}

impl RawTeam {
    /// The team as it is used, and its views as they were read. `file` declares it.
    pub fn freeze(self, name: &str, file: &Path, rules: &TeamRules<'_>) -> (Team, BTreeMap<String, RawView>) {
        let reader = rules.reader;
        self.check_names(reader);
        let fits =
            expansion::fits(self.builder.as_ref(), self.recipe.as_ref(), reader.selectors.comparisons(name), reader);
        let dir = file.parent().unwrap_or(Path::new("/"));
        let secrets = self.secret.unwrap_or_default();
        if let Some(token) = self.config.as_ref().and_then(|config| config.token.as_ref()) {
            let path = self.at.key("config").key("token");
            unset::warn(token, &path, "the team's repository cannot be fetched", (rules.variables, reader));
        }
        let secrets: BTreeMap<String, TeamSecret> = secrets.into_iter().map(|(name, at)| (name, at.value)).collect();

        let steps = || StepRules { team: name, dir, secrets: &secrets, plugins: rules.plugins, reader };
        let builders = fits.then(|| {
            let recipes = freeze_recipes(self.recipe.unwrap_or_default(), &steps());
            let patterns = Patterns::default();
            let (recipes, patterns) = (&recipes, &patterns);
            let rules = BuilderRules { team: name, file, recipes, patterns, workers: rules.workers, steps: steps() };
            freeze_builders(self.builder.unwrap_or_default(), &rules)
        });

        for source in self.source.unwrap_or_default().into_values() {
            source.check(reader);
        }
        let names: Option<Vec<&str>> = builders.as_ref().map(|all| all.keys().map(String::as_str).collect());
        for scheduler in self.scheduler.unwrap_or_default().into_values() {
            scheduler.check(names.as_deref(), reader);
        }
        let freeze = |(key, reporter): (String, RawReporter)| {
            let reporter = reporter.freeze(&key, name, dir, &secrets, rules.plugins, reader)?;
            Some((key, Arc::new(reporter)))
        };
        let reporters = self.reporter.unwrap_or_default().into_iter().filter_map(freeze).collect();
        let team = Team {
            name: name.to_owned(),
            title: self.title.unwrap_or_else(|| name.to_owned()),
            visibility_at: self.visibility.map(|_| reader.place(&self.at.key("visibility"))),
            visibility: self.visibility.unwrap_or_default(),
            quota: self.quota.map_or(*rules.quota, |quota| quota.freeze(rules.quota)),
            weight: self.weight.map_or(WEIGHT, |weight| check_weight(&weight, reader)),
            secrets,
            reserved: Arc::default(),
            builders: builders.unwrap_or_default(),
            reporters,
            file: file.to_owned(),
        };
        (team, self.view.unwrap_or_default())
    }

    /// Says which names inside the team are none.
    fn check_names(&self, reader: &Reader<'_>) {
        check_keys(&self.at.key("secret"), self.secret.as_ref(), reader);
        check_keys(&self.at.key("source"), self.source.as_ref(), reader);
        check_keys(&self.at.key("recipe"), self.recipe.as_ref(), reader);
        check_keys(&self.at.key("scheduler"), self.scheduler.as_ref(), reader);
        check_keys(&self.at.key("reporter"), self.reporter.as_ref(), reader);
        check_keys(&self.at.key("view"), self.view.as_ref(), reader);
    }
}

impl Team {
    /// What is left of a team whose own file is broken: nothing that anybody sees, and what the operator says of its limits.
    pub fn broken(name: &str, file: &Path, quota: Quota, weight: u32) -> Self {
        Self {
            name: name.to_owned(),
            title: name.to_owned(),
            visibility: Visibility::Private,
            visibility_at: None,
            quota,
            weight,
            secrets: BTreeMap::new(),
            reserved: Arc::default(),
            builders: BTreeMap::new(),
            reporters: BTreeMap::new(),
            file: file.to_owned(),
        }
    }
}

/// The share of a team of which nobody says another.
pub const WEIGHT: u32 = 1;
/// The largest share of a team: more would leave nothing to the others.
const WEIGHT_MAX: u32 = 1_000;

/// The weight, where it is one.
fn check_weight(weight: &At<Count>, reader: &Reader<'_>) -> u32 {
    if weight.value.0 > WEIGHT_MAX {
        let message = format!("{} is too large a share", weight.value.0);
        reader.note(reader.wrong(&weight.path, "too-large", message).expected(format!("1 to {WEIGHT_MAX}")));
    }
    weight.value.0.min(WEIGHT_MAX)
}

/// Says which keys of `tables`, which stand at `path`, are no names.
pub fn check_keys<T>(path: &KeyPath, tables: Option<&BTreeMap<String, T>>, reader: &Reader<'_>) {
    for name in tables.into_iter().flat_map(BTreeMap::keys) {
        if let Err(error) = check_plain(name) {
            reader.note(reader.wrong_key(&path.key(name), "bad-name", error.to_string()));
        }
    }
}

fn freeze_recipes(recipes: BTreeMap<String, RawRecipe>, rules: &StepRules<'_>) -> BTreeMap<String, Vec<Unnamed>> {
    let freeze = |(name, recipe): (String, RawRecipe)| {
        let steps = rules.reader.required(&recipe.at, "step", recipe.step).unwrap_or_default();
        (name, steps.into_iter().filter_map(|step| step.freeze(rules)).collect())
    };
    recipes.into_iter().map(freeze).collect()
}

fn freeze_builders(tables: BTreeMap<String, RawBuilder>, rules: &BuilderRules<'_>) -> BTreeMap<String, Arc<Builder>> {
    let reader = rules.steps.reader;
    let mut builders: BTreeMap<String, Arc<Builder>> = BTreeMap::new();
    for (name, table) in tables {
        let path = table.at.clone();
        for builder in table.freeze(&name, rules) {
            let name = builder.key.name.clone();
            if builders.insert(name.clone(), Arc::new(builder)).is_some() {
                let message = format!("there are two builders `{name}`");
                let diagnostic = reader.wrong_key(&path, "name-taken", message);
                reader.note(
                    diagnostic.expected("every key of the matrix in the name, and no other builder of that name"),
                );
            }
        }
    }
    builders
}

impl Read for Visibility {
    fn expected() -> Cow<'static, str> {
        "one of `public`, `internal`, `private`".into()
    }

    fn read(node: &Node<'_>, reader: &Reader<'_>) -> Option<Self> {
        word(node, reader, &[("public", Self::Public), ("internal", Self::Internal), ("private", Self::Private)])
    }
}
