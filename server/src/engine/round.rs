//! Whose turn it is among teams that use equally much of their share. Pure.

use std::collections::BTreeMap;

/// Who comes first among teams that use equally much of their share: each start moves a team back by one over its weight. A team
/// that had nothing to build does not save up turns.
#[derive(Debug, Default)]
pub struct Round {
    turns: BTreeMap<String, u64>,
    now: u64,
}

impl Round {
    /// A team's place; lower comes first.
    pub fn turn(&self, team: &str) -> u64 {
        self.turns.get(team).copied().unwrap_or(0).max(self.now)
    }

    /// `team` started a build.
    pub fn advance(&mut self, team: &str, weight: u32) {
        self.now = self.turn(team);
        self.turns.insert(team.to_owned(), next_turn(self.now, weight));
    }
}

/// The turn after `turn` of a team of this weight.
pub fn next_turn(turn: u64, weight: u32) -> u64 {
    turn + (1 << 32) / u64::from(weight.max(1))
}

#[cfg(test)]
mod tests {
    use super::Round;

    #[test]
    fn a_team_that_comes_back_saved_up_no_turns() {
        let mut round = Round::default();
        for _ in 0..100 {
            round.advance("a", 1);
        }
        assert!(round.turn("b") + (1 << 32) >= round.turn("a"));
    }
}
