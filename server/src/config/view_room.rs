//! How many views a team may have, and what they may compare: each view holds a place for each builder that it shows, and finds them
//! by comparing all of its patterns with all that its team's builders are called, at each load.

use super::path::KeyPath;
use super::read::Reader;
use super::team::Team;
use super::view::View;
use crate::model::glob::Glob;
use std::collections::BTreeMap;

/// Views of one team: each is a page with its feeds and badges, and an entry in lists. The instance's own are the operator's to bound.
pub const VIEWS_MAX: usize = 100;

/// What the views of one team may compare: characters of their patterns (a plain name is one, as it is compared at once) times characters
/// of the names, categories and labels of its builders. Some seconds at most. A thousand builders with a hundred views of three patterns
/// are about a third of it.
pub const COMPARED_MAX: u64 = 2_000_000_000;

/// Characters that a word counts beyond its own: looking at a short one takes time, too.
const WORD: usize = 20;

/// What each team has left.
#[derive(Default)]
pub struct Rooms(BTreeMap<String, Room>);

/// What the views of a team take so far.
struct Room {
    n_views: usize,
    /// Characters of its builders' words.
    words: u64,
    compared: u64,
}

impl Rooms {
    /// Whether a team has room for one more view, which is at `path`. Says it once where it has not.
    pub fn admit(&mut self, view: &View, path: &KeyPath, team: &Team, reader: &Reader<'_>) -> bool {
        let fresh = || Room { n_views: 0, words: words(team), compared: 0 };
        let room = self.0.entry(team.name.clone()).or_insert_with(fresh);
        room.n_views += 1;
        if room.n_views == VIEWS_MAX + 1 {
            let message = format!("team `{}` has too many views", team.name);
            reader.note(reader.wrong_key(path, "too-many", message).expected(format!("at most {VIEWS_MAX} of a team")));
        }
        let before = room.compared;
        room.compared = before.saturating_add(patterns(view).saturating_mul(room.words));
        if (room.n_views <= VIEWS_MAX) && (before <= COMPARED_MAX) && (room.compared > COMPARED_MAX) {
            let message = format!(
                "the views of team `{}` compare too much: their patterns have more than {} characters, and what its builders \
                 are called has {}",
                team.name,
                COMPARED_MAX / room.words.max(1),
                room.words
            );
            let expected = format!("fewer patterns, or plain names: the product is at most {COMPARED_MAX}");
            reader.note(reader.wrong_key(path, "too-much", message).expected(expected));
        }
        room.n_views <= VIEWS_MAX && room.compared <= COMPARED_MAX
    }
}

/// Characters of all that patterns are compared with; of a category each level above it, too.
fn words(team: &Team) -> u64 {
    let n = |text: &str| (text.len() + WORD) as u64;
    let builders = team.builders.values().map(|builder| {
        let categories = builder.categories.iter().map(|c| n(c) * (1 + c.matches('|').count() as u64));
        let labels = builder.labels.iter().map(|label| n(label));
        n(&builder.key.name) + n(&builder.key.to_string()) + categories.chain(labels).sum::<u64>()
    });
    builders.sum()
}

/// Characters of a view's patterns.
fn patterns(view: &View) -> u64 {
    let all = [&view.teams, &view.categories, &view.builders, &view.labels, &view.exclude, &view.order];
    let n = |glob: &Glob| if glob.is_plain() { 1 } else { glob.as_str().len() as u64 };
    all.into_iter().flatten().map(n).sum()
}
