//! The room that all guests of a server have together: so many calls at once and so much memory, and no team more than half of it.

use super::error::Kind;
use crate::model::size::Size;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Calls at the same time. One that waits costs some 100 KiB, so these are bounded by memory first.
const CALLS_MAX: usize = 4_096;
/// Least memory, on machines that have little.
const MEMORY_BYTES_MIN: u64 = 1 << 30;

/// What is left for guests.
#[derive(Debug)]
pub struct Room {
    calls: Arc<Semaphore>,
    calls_of_team_max: usize,
    memory_bytes_max: usize,
    used: Mutex<Used>,
}

#[derive(Debug, Default)]
struct Used {
    memory_bytes: usize,
    /// As many as the configuration has teams.
    teams: HashMap<String, OfTeam>,
}

#[derive(Debug)]
struct OfTeam {
    calls: Arc<Semaphore>,
    memory_bytes: usize,
}

/// Leave for one call, until it is dropped.
#[derive(Debug)]
pub struct Seat {
    _of_team: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

/// The memory of one guest; dropped, it is free for others.
#[derive(Debug)]
pub struct Share {
    room: Arc<Room>,
    team: String,
    n_bytes: usize,
}

/// Memory that is refused though the guest has kept to its own limit.
pub type Refused = (Kind, String);

impl Room {
    /// Room for so many calls, and so much linear memory.
    pub fn new(calls_max: usize, memory: Size) -> Arc<Self> {
        Arc::new(Self {
            calls: Arc::new(Semaphore::new(calls_max)),
            calls_of_team_max: (calls_max / 2).max(1),
            memory_bytes_max: usize::try_from(memory.0).unwrap_or(usize::MAX),
            used: Mutex::default(),
        })
    }

    /// What a server gives to guests on this machine: a quarter of its memory, but at least 1 GiB.
    pub fn of_machine() -> Arc<Self> {
        // Whole MiB, which messages can say.
        let memory = machine_bytes().map_or(0, |bytes| (bytes / 4) >> 20 << 20);
        Self::new(CALLS_MAX, Size(memory.max(MEMORY_BYTES_MIN)))
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().expect("no holder of the room panics")
    }

    /// Waits until there is room for one more call of the team.
    pub async fn seat(&self, team: &str) -> Seat {
        const OPEN: &str = "nobody closes it";
        let of_team = Arc::clone(&self.used().team(team, self.calls_of_team_max).calls);
        // The team's first: who waits for its own team takes nothing from others.
        let of_team = of_team.acquire_owned().await.expect(OPEN);
        let of_all = Arc::clone(&self.calls).acquire_owned().await.expect(OPEN);
        Seat { _of_team: of_team, _of_all: of_all }
    }

    /// The memory of a guest of this team, which has none yet.
    pub fn share(self: &Arc<Self>, team: &str) -> Share {
        Share { room: Arc::clone(self), team: team.to_owned(), n_bytes: 0 }
    }
}

impl Used {
    fn team(&mut self, team: &str, calls_max: usize) -> &mut OfTeam {
        let new = || OfTeam { calls: Arc::new(Semaphore::new(calls_max)), memory_bytes: 0 };
        self.teams.entry(team.to_owned()).or_insert_with(new)
    }
}

impl Share {
    /// From now on the guest has so many bytes.
    ///
    /// # Errors
    /// Where they are not there; then it has what it had. Not its fault: it has kept to its own limit.
    pub fn resize(&mut self, n_bytes: usize) -> Result<(), Refused> {
        let room = &*self.room;
        let (max, team_max) = (room.memory_bytes_max, room.memory_bytes_max / 2);
        let mut used = room.used();
        let all = (used.memory_bytes - self.n_bytes).saturating_add(n_bytes);
        let of_team = used.team(&self.team, room.calls_of_team_max);
        let team = (of_team.memory_bytes - self.n_bytes).saturating_add(n_bytes);
        let refused = |why: String| Err((Kind::Host, format!("asked for {n_bytes} bytes of memory, and {why}")));
        if n_bytes > self.n_bytes && team > team_max {
            let (team, max) = (&self.team, Size(team_max as u64));
            return refused(format!("the plugins of the team `{team}` may use {max} of the server's memory together"));
        }
        if n_bytes > self.n_bytes && all > max {
            let max = Size(max as u64);
            return refused(format!("the server's memory for plugins, {max} together, is used up"));
        }
        of_team.memory_bytes = team;
        used.memory_bytes = all;
        self.n_bytes = n_bytes;
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.resize(0).expect("less is never refused");
    }
}

/// Memory of this machine, or of the container that the server is in.
fn machine_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let all = line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10;
    let contained = std::fs::read_to_string("/sys/fs/cgroup/memory.max").ok();
    let contained = contained.and_then(|text| text.trim().parse().ok());
    Some(contained.unwrap_or(all).min(all))
}

#[cfg(test)]
mod tests {
    use super::{Kind, MEMORY_BYTES_MIN, Room};
    use crate::model::size::Size;
    use futures::FutureExt as _;
    use std::pin::pin;

    #[test]
    fn a_team_waits_for_its_own_calls_and_leaves_room_for_others() {
        let room = Room::new(4, Size(0));
        let mut seats: Vec<_> = (0..2).map(|_| room.seat("core").now_or_never().unwrap()).collect();
        let mut third = pin!(room.seat("core"));
        assert!(third.as_mut().now_or_never().is_none(), "it has half");
        let _docs: Vec<_> = (0..2).map(|_| room.seat("docs").now_or_never().unwrap()).collect();
        seats.pop();
        assert!(third.as_mut().now_or_never().is_some());
        drop(seats);
        let _web = room.seat("web").now_or_never().unwrap();
    }

    #[test]
    fn all_teams_together_wait_for_a_place() {
        let room = Room::new(1, Size(0));
        let seat = room.seat("core").now_or_never().unwrap();
        let mut other = pin!(room.seat("docs"));
        assert!(other.as_mut().now_or_never().is_none());
        drop(seat);
        assert!(other.as_mut().now_or_never().is_some());
    }

    #[test]
    fn memory_is_counted_for_the_team_and_for_all_and_comes_back() {
        let room = Room::new(4, Size(1_000));
        let (mut first, mut second) = (room.share("core"), room.share("core"));
        first.resize(300).unwrap();
        let (kind, said) = second.resize(201).unwrap_err();
        assert_eq!(kind, Kind::Host, "it is not the plugin's fault");
        assert!(said.contains("team `core`") && said.contains("500"), "{said}");
        second.resize(200).unwrap();
        room.share("docs").resize(500).unwrap();
        let mut docs = room.share("docs");
        docs.resize(500).unwrap();
        let (_, said) = room.share("web").resize(1).unwrap_err();
        assert!(said.contains("the server's memory for plugins, 1000"), "{said}");
        drop(second);
        docs.resize(100).unwrap();
        first.resize(500).unwrap();
        room.share("web").resize(400).unwrap();
        drop((first, docs));
        assert_eq!(room.used().memory_bytes, 0);
        assert!(room.used().teams.values().all(|team| team.memory_bytes == 0));
    }

    #[test]
    fn a_machine_has_room() {
        assert!(Room::of_machine().memory_bytes_max as u64 >= MEMORY_BYTES_MIN);
    }
}
