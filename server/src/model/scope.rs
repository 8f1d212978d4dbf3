//! Who asks, for which team, with which rights. Every question to `status` carries one.

use super::glob::Glob;
use super::right::{Right, Role, Visibility};
use super::time::Time;
use std::collections::BTreeMap;

/// Who asks and what they may do. It holds no secret and is cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// For the audit and for `requested by`: `anonymous`, `system`, or a token's subject.
    pub subject: String,
    /// The token's id, where a token proved the subject.
    pub token_id: Option<String>,
    signed_in: bool,
    /// Proved, and nothing was ever given to them here: they read what everybody reads.
    outsider: bool,
    owner: bool,
    /// A person with a browser, and no token.
    session: bool,
    roles: BTreeMap<String, Role>,
    narrowed: Narrowed,
    /// What is read is a feed.
    at_feed: bool,
    until: Option<Time>,
    person: Option<String>,
    /// It makes no tokens.
    issues_nothing: bool,
}

/// What a token for one purpose is narrowed to; empty means not narrowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrowed {
    /// Control reaches these builders only (names, or `team/name`).
    pub builders: Vec<Glob>,
    /// Control is these actions only.
    pub actions: Vec<Right>,
    /// Force parameters that the token fixes.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// How many control actions the token is good for; `status` counts them durably.
    pub uses: Option<u32>,
    /// The token reads what is for machines, such as `/view/<name>.json`; everywhere else its carrier is as good as a stranger.
    pub feed_only: bool,
}

impl Scope {
    /// Somebody without credentials: sees what is public.
    pub fn anonymous() -> Self {
        Self {
            subject: "anonymous".to_owned(),
            token_id: None,
            signed_in: false,
            outsider: false,
            owner: false,
            session: false,
            roles: BTreeMap::new(),
            narrowed: Narrowed::default(),
            at_feed: false,
            until: None,
            person: None,
            issues_nothing: false,
        }
    }

    /// Whether `other` may do the same in the same name, be it for longer or for less long.
    pub fn is_worth(&self, other: &Self) -> bool {
        self.worth() == other.worth()
    }

    /// Who it is and what they may do, as a text that is the same for the same.
    pub fn worth(&self) -> String {
        format!("{:?}", Self { until: None, ..self.clone() })
    }

    /// The engine itself.
    pub fn system() -> Self {
        Self { subject: "system".to_owned(), owner: true, signed_in: true, ..Self::anonymous() }
    }

    /// A subject proved by a token. `owner` is the instance owner; `roles` are by team.
    pub fn proved(
        subject: String,
        token_id: Option<String>,
        owner: bool,
        roles: BTreeMap<String, Role>,
        narrowed: Narrowed,
    ) -> Self {
        Self { subject, token_id, signed_in: true, owner, roles, narrowed, ..Self::anonymous() }
    }

    /// The same, believed until `time` at the latest.
    #[must_use]
    pub fn until(self, time: Time) -> Self {
        Self { until: Some(time), ..self }
    }

    /// The same, known to be `person`: a name that stays the same for ever, whatever they call themselves.
    #[must_use]
    pub fn of_person(self, person: String) -> Self {
        Self { person: Some(person), ..self }
    }

    /// The same, which makes no tokens: what it made would outlive its own revocation.
    #[must_use]
    pub fn issuing_nothing(self) -> Self {
        Self { issues_nothing: true, ..self }
    }

    /// Whether it may make tokens at all; which, its roles say.
    pub fn may_issue(&self) -> bool {
        !self.issues_nothing
    }

    /// The person behind it, in a form that stays the same for ever; none where a token of our own names somebody at will.
    pub fn person(&self) -> Option<&str> {
        self.person.as_deref()
    }

    /// The same, as somebody whom nothing was given: what is for everybody signed in is not for them. Anybody at all may be let in by a
    /// foreign issuer.
    #[must_use]
    pub fn outside(self) -> Self {
        Self { outsider: true, ..self }
    }

    /// Whether nothing was given to them here.
    pub fn is_outsider(&self) -> bool {
        self.outsider
    }

    /// The same, as somebody who is signed in with a browser.
    #[must_use]
    pub fn in_session(self) -> Self {
        Self { session: true, ..self }
    }

    /// Whether it is somebody signed in with a browser, and no token.
    pub fn is_session(&self) -> bool {
        self.session
    }

    /// The same, where it asks for what is made for machines.
    #[must_use]
    pub fn at_feed(self) -> Self {
        Self { at_feed: true, ..self }
    }

    /// Until when it is believed at the latest; none where that is not known.
    pub fn ends(&self) -> Option<Time> {
        self.until
    }

    /// Whether nothing narrows it: it stands for all that its roles give.
    pub fn is_whole(&self) -> bool {
        self.narrowed == Narrowed::default()
    }

    /// Whether it reads here as a member or as somebody signed in, and not only as everybody.
    fn reads_more(&self) -> bool {
        self.signed_in && (self.at_feed || !self.narrowed.feed_only)
    }

    /// What a team itself may see: its own things and what is public. For plugins and reporters.
    pub fn team(team: &str) -> Self {
        Self {
            subject: format!("team {team}"),
            signed_in: true,
            roles: BTreeMap::from([(team.to_owned(), Role::Viewer)]),
            ..Self::anonymous()
        }
    }

    /// Whether credentials were given and proved.
    pub fn is_signed_in(&self) -> bool {
        self.signed_in
    }

    /// Whether it is an owner of the instance.
    pub fn is_owner(&self) -> bool {
        self.owner
    }

    /// The teams that it has a role in, by name.
    pub fn teams(&self) -> impl Iterator<Item = &str> {
        self.roles.keys().map(String::as_str)
    }

    /// The role in each team.
    pub fn roles(&self) -> &BTreeMap<String, Role> {
        &self.roles
    }

    /// Whether the things of `team`, which is `visibility`, may be read.
    pub fn may_read(&self, team: &str, visibility: Visibility) -> bool {
        match visibility {
            Visibility::Public => true,
            Visibility::Internal => self.reads_more() && !self.outsider,
            Visibility::Private => self.reads_more() && (self.owner || self.roles.contains_key(team)),
        }
    }

    /// Whether something of the instance itself, which is `visibility`, may be read.
    pub fn may_read_instance(&self, visibility: Visibility) -> bool {
        match visibility {
            Visibility::Public => true,
            Visibility::Internal => self.reads_more() && !self.outsider,
            Visibility::Private => self.reads_more() && self.owner,
        }
    }

    /// Whether `right` may be used on `team`'s builder `builder`. Reading is [`Scope::may_read`]'s to answer. What is narrowed to anything
    /// administers nothing: it could give itself more.
    pub fn may(&self, right: Right, team: &str, builder: &str) -> bool {
        let role = if self.owner { Some(Role::Owner) } else { self.roles.get(team).copied() };
        role.is_some_and(|role| role >= right.least_role())
            && !self.narrowed.feed_only
            && (right != Right::Administer || self.is_whole())
            && (self.narrowed.actions.is_empty() || self.narrowed.actions.contains(&right))
            && (self.narrowed.builders.is_empty()
                || self
                    .narrowed
                    .builders
                    .iter()
                    .any(|glob| glob.matches(builder) || glob.matches(&format!("{team}/{builder}"))))
    }

    /// The role in `team`; an owner's everywhere.
    pub fn role_in(&self, team: &str) -> Option<Role> {
        if self.owner { Some(Role::Owner) } else { self.roles.get(team).copied() }
    }

    /// What the token is narrowed to.
    pub fn narrowed(&self) -> &Narrowed {
        &self.narrowed
    }

    /// A copy that may only be used for `actions` on `builders`, and so on.
    #[must_use]
    pub fn narrow(mut self, narrowed: Narrowed) -> Self {
        self.narrowed = narrowed;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::{Narrowed, Right, Role, Scope, Visibility};
    use crate::model::glob::Glob;
    use std::collections::BTreeMap;

    fn operator() -> Scope {
        let roles = BTreeMap::from([("core".to_owned(), Role::Operator)]);
        Scope::proved("ada".to_owned(), None, false, roles, Narrowed::default())
    }

    #[test]
    fn roles_reach_their_own_team_only() {
        assert!(operator().may(Right::Force, "core", "full"));
        assert!(!operator().may(Right::Force, "docs", "full"));
        assert!(!operator().may(Right::Administer, "core", "full"));
        assert!(!Scope::anonymous().may(Right::Force, "core", "full"));
        assert!(Scope::system().may(Right::Administer, "core", "full"));
    }

    #[test]
    fn visibility_decides_reading() {
        assert!(Scope::anonymous().may_read("core", Visibility::Public));
        assert!(!Scope::anonymous().may_read("core", Visibility::Internal));
        assert!(operator().may_read("docs", Visibility::Internal));
        assert!(!operator().may_read("docs", Visibility::Private));
        assert!(operator().may_read("core", Visibility::Private));
    }

    #[test]
    fn a_narrow_token_controls_less_but_reads_the_same() {
        let narrowed = Narrowed {
            builders: vec![Glob::new("full-*").unwrap()],
            actions: vec![Right::Force],
            ..Narrowed::default()
        };
        let scope = operator().narrow(narrowed);
        assert!(scope.may(Right::Force, "core", "full-2.4"));
        assert!(!scope.may(Right::Force, "core", "docs"));
        assert!(!scope.may(Right::Stop, "core", "full-2.4"));
        assert!(scope.may_read("core", Visibility::Private));
        assert!(operator().is_whole() && !scope.is_whole());
    }

    #[test]
    fn what_is_narrowed_to_anything_administers_nothing() {
        let roles = BTreeMap::from([("core".to_owned(), Role::Admin)]);
        let admin = Scope::proved("ada".to_owned(), None, false, roles, Narrowed::default());
        let owner = Scope::proved("eve".to_owned(), None, true, BTreeMap::new(), Narrowed::default());
        assert!(admin.may(Right::Administer, "core", "") && owner.may(Right::Administer, "", ""));
        for narrowed in [
            Narrowed { builders: vec![Glob::new("*").unwrap()], ..Narrowed::default() },
            Narrowed { actions: vec![Right::Administer], ..Narrowed::default() },
            Narrowed { parameters: BTreeMap::from([("branch".to_owned(), "main".into())]), ..Narrowed::default() },
            Narrowed { uses: Some(1), ..Narrowed::default() },
        ] {
            assert!(!admin.clone().narrow(narrowed.clone()).may(Right::Administer, "core", ""), "{narrowed:?}");
            assert!(!owner.clone().narrow(narrowed.clone()).may(Right::Administer, "", ""), "{narrowed:?}");
        }
    }

    #[test]
    fn a_token_for_feeds_reads_feeds_and_is_a_stranger_elsewhere() {
        let scope = operator().narrow(Narrowed { feed_only: true, ..Narrowed::default() });
        assert!(scope.may_read("core", Visibility::Public) && !scope.may_read("core", Visibility::Private));
        assert!(!scope.may_read("docs", Visibility::Internal) && !scope.may_read_instance(Visibility::Internal));
        assert!(!scope.may(Right::Force, "core", "full") && !scope.may(Right::Read, "core", "full"));
        let scope = scope.at_feed();
        assert!(scope.may_read("core", Visibility::Private) && scope.may_read("docs", Visibility::Internal));
        assert!(!scope.may(Right::Force, "core", "full"));
    }

    #[test]
    fn who_was_given_nothing_reads_what_everybody_reads() {
        let nobody = Scope::proved("x".to_owned(), None, false, BTreeMap::new(), Narrowed::default()).outside();
        assert!(nobody.is_signed_in() && nobody.may_read("core", Visibility::Public));
        assert!(!nobody.may_read("core", Visibility::Internal) && !nobody.may_read_instance(Visibility::Internal));
    }

    #[test]
    fn a_scope_is_worth_the_same_for_however_long_and_something_else_with_another_role() {
        let until = |s| operator().until(crate::model::time::Time::from_timestamp(s, 0).unwrap());
        assert!(until(1).is_worth(&until(2)) && until(1).is_worth(&operator()));
        let roles = BTreeMap::from([("core".to_owned(), Role::Viewer)]);
        assert!(!operator().is_worth(&Scope::proved("ada".to_owned(), None, false, roles, Narrowed::default())));
        assert!(!operator().is_worth(&operator().outside()) && !operator().is_worth(&operator().in_session()));
    }
}
