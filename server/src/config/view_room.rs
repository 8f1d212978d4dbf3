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

/// What the views of one team may compare: characters of their patterns times characters of the names, categories and labels of its
/// builders; of a plain name four times how many of those there are, as it is compared at once. Some seconds at most. A thousand builders
/// with a hundred views of three patterns are about a third of it.
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
    n_words: u64,
    compared: u64,
}

impl Rooms {
    /// Whether a team has room for one more view, which is at `path`. Says it once where it has not.
    pub fn admit(&mut self, view: &View, path: &KeyPath, team: &Team, reader: &Reader<'_>) -> bool {
        let fresh = || {
            let (n_words, words) = words(team);
            Room { n_views: 0, words, n_words, compared: 0 }
        };
        let room = self.0.entry(team.name.clone()).or_insert_with(fresh);
        room.n_views += 1;
        if room.n_views == VIEWS_MAX + 1 {
            let message = format!("team `{}` has too many views", team.name);
            reader.note(reader.wrong_key(path, "too-many", message).expected(format!("at most {VIEWS_MAX} of a team")));
        }
        let before = room.compared;
        room.compared = before.saturating_add(compared(view, room));
        if (room.n_views <= VIEWS_MAX) && (before <= COMPARED_MAX) && (room.compared > COMPARED_MAX) {
            let message = format!(
                "the views of team `{}` compare too much: all their patterns with the {} names, categories and labels of its builders",
                team.name, room.n_words
            );
            let expected = format!(
                "fewer patterns, or plain names, which are compared at once: at most {COMPARED_MAX} characters in all"
            );
            reader.note(reader.wrong_key(path, "too-much", message).expected(expected));
        }
        room.n_views <= VIEWS_MAX && room.compared <= COMPARED_MAX
    }
}

/// How many words patterns are compared with, and their characters; of a category each level above it, too.
fn words(team: &Team) -> (u64, u64) {
    let n = |text: &str| (text.len() + WORD) as u64;
    let (mut n_words, mut characters) = (0, 0);
    for builder in team.builders.values() {
        let levels = builder.categories.iter().map(|c| (c.as_str(), 1 + c.matches('|').count() as u64));
        let labels = builder.labels.iter().map(|label| (label.as_str(), 1));
        for (word, times) in levels.chain(labels) {
            n_words += times;
            characters += n(word) * times;
        }
        n_words += 2;
        characters += n(&builder.key.name) + n(&builder.key.to_string());
    }
    (n_words, characters)
}

/// What a view compares.
fn compared(view: &View, room: &Room) -> u64 {
    let all = [&view.teams, &view.categories, &view.builders, &view.labels, &view.exclude, &view.order];
    let of = |glob: &Glob| match glob.is_plain() {
        true => room.n_words.saturating_mul(4),
        false => (glob.as_str().len() as u64).saturating_mul(room.words),
    };
    all.into_iter().flatten().map(of).fold(0, u64::saturating_add)
}
