//! How many long answers are open, streams and logs that are followed: for each who asks, and in all. Each costs memory and a look at rights
//! now and then, so nobody may hold as many as they like.

use crate::model::scope::Scope;
use crate::model::whose::Whose;
use crate::status::quota::OverQuota;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Long answers that one asker may have open: a team with its tokens, a person, or a stranger's address.
const EACH_MAX: usize = 200;
/// Long answers that may be open in all.
const ALL_MAX: usize = 20_000;
/// When somebody who finds no place may try again: nobody knows when one is left.
const AGAIN: Duration = Duration::from_secs(30);

/// The long answers that are open now. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Open(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    n_all: usize,
    of: HashMap<Whose, usize>,
}

/// A place among them, left when it is dropped.
#[derive(Debug)]
pub struct Place {
    open: Open,
    whose: Whose,
}

impl Open {
    /// Takes a place for an answer to `scope`, who comes from `address`.
    ///
    /// # Errors
    /// `OverQuota` where theirs, or all together, are too many.
    pub fn take(&self, scope: &Scope, address: IpAddr) -> Result<Place, OverQuota> {
        let whose = Whose::of(scope, address);
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let n_own = table.of.get(&whose).copied().unwrap_or_default();
        let refused = |max: usize, whose: &str| OverQuota {
            quota: "open_streams",
            limit: format!("{max} at a time"),
            whose: whose.to_owned(),
            advice: "close some pages or end some streams, or ",
            again: AGAIN,
        };
        if n_own >= EACH_MAX {
            return Err(refused(EACH_MAX, words(&whose)));
        }
        if table.n_all >= ALL_MAX {
            return Err(refused(ALL_MAX, "the long answers that this server has open to everybody are too many"));
        }
        table.n_all += 1;
        table.of.insert(whose.clone(), n_own + 1);
        drop(table);
        Ok(Place { open: self.clone(), whose })
    }
}

/// What is said to who has too many.
fn words(whose: &Whose) -> &'static str {
    match whose {
        Whose::Team(_) => "the long answers that tokens of your team have open are too many",
        Whose::Subject(_) => "the long answers that you have open are too many",
        Whose::Address(_) => "the long answers that are open to your address are too many",
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.n_all -= 1;
        if let Some(n) = table.of.get_mut(&self.whose) {
            *n -= 1;
            if *n == 0 {
                table.of.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL_MAX, EACH_MAX, Open, Scope};
    use std::net::IpAddr;

    #[test]
    fn one_who_holds_all_theirs_open_is_told_so_and_holds_nobody_else_back() {
        let (open, address) = (Open::default(), IpAddr::from([192, 0, 2, 7]));
        let mut held: Vec<_> =
            (0..EACH_MAX).map(|_| open.take(&Scope::anonymous(), address).expect("a place is left")).collect();
        expect_test::expect!["the long answers that are open to your address are too many: the limit is 200 at a time (`open_streams`); close some pages or end some streams, or try again in 30s"]
            .assert_eq(&open.take(&Scope::anonymous(), address).unwrap_err().to_string());
        let _member = open.take(&Scope::team("core"), address).unwrap();
        let _neighbour = open.take(&Scope::anonymous(), IpAddr::from([192, 0, 2, 8])).unwrap();
        held.pop();
        held.push(open.take(&Scope::anonymous(), address).unwrap());
        drop(held);
        assert_eq!(open.0.lock().unwrap().of.len(), 2);
    }

    #[test]
    fn all_together_are_bounded_and_every_place_comes_back() {
        let open = Open::default();
        let address = |n: usize| IpAddr::from((u32::try_from(n / EACH_MAX).unwrap() + (10 << 24)).to_be_bytes());
        let held: Vec<_> =
            (0..ALL_MAX).map(|n| open.take(&Scope::anonymous(), address(n)).expect("a place is left")).collect();
        let said = open.take(&Scope::team("core"), address(0)).unwrap_err().to_string();
        assert!(said.contains("this server has open to everybody"), "{said}");
        drop(held);
        let table = open.0.lock().unwrap();
        assert_eq!((table.n_all, table.of.len()), (0, 0));
    }
}
