//! `[view.*]`: a named Waterfall, which is a query over teams, categories and builders.

use crate::model::glob::Glob;
use crate::model::right::Visibility;
use std::time::Duration;

/// A named selection and arrangement of builders.
#[derive(Debug, Clone)]
pub struct View {
    /// Unique in the instance; stands in its URL.
    pub name: String,
    /// For people; defaults to the name.
    pub title: String,
    /// The team that declares it and whose builders alone it sees; none for the instance's.
    pub team: Option<String>,
    /// Who sees it; defaults to the team's, for instance views to public.
    pub visibility: Visibility,
    /// Any-of; empty is no restriction.
    pub teams: Vec<Glob>,
    /// Any-of; `*` also takes builders without category.
    pub categories: Vec<Glob>,
    /// Any-of, on `name` or `team/name`.
    pub builders: Vec<Glob>,
    /// Any-of, on the builder's labels.
    pub labels: Vec<Glob>,
    /// Left out, on `name` or `team/name`.
    pub exclude: Vec<Glob>,
    /// These first, in this order (globs); then by team, then by name in natural order.
    pub order: Vec<Glob>,
    /// How columns are grouped.
    pub group_by: Option<GroupBy>,
    /// How far back the page reaches; none means by number of events.
    pub window: Option<Duration>,
}

/// How a view's columns are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// Under the first of the view's categories that the builder has.
    Category,
    /// Under its team.
    Team,
}
