//! What is done to a run while it is under way.

use std::fs;
use std::io::Write;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::course::HOSTS;
use super::run::Run;
use crate::clocks::moved;
use crate::stage::{keepers_below, try_until};

/// What can happen to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    KillController,
    KillKeeper,
    KillBoth,
    KillCourier,
    KillSsh,
    StopController,
    StopKeeper,
    StopCourier,
    StopSsh,
    CutConnections,
    CutLink,
    FullDisk,
    MovedClock,
}

pub(super) const KINDS: [(Kind, &str); 13] = [
    (Kind::KillController, "kill -9 of the controller"),
    (Kind::KillKeeper, "kill -9 of the keeper"),
    (Kind::KillBoth, "kill -9 of both"),
    (Kind::KillCourier, "kill -9 of a courier"),
    (Kind::KillSsh, "kill -9 of ssh"),
    (Kind::StopController, "SIGSTOP of the controller"),
    (Kind::StopKeeper, "SIGSTOP of the keeper"),
    (Kind::StopCourier, "SIGSTOP of a courier"),
    (Kind::StopSsh, "SIGSTOP of ssh"),
    (Kind::CutConnections, "connections of a host ended"),
    (Kind::CutLink, "link of a host cut"),
    (Kind::FullDisk, "disk full"),
    (Kind::MovedClock, "calendar moved by a day"),
];

/// Which processes of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Controller,
    Keeper,
    Courier,
    Ssh,
}

fn send(pids: &[Pid], signal: Signal) -> bool {
    // One that has just ended is none that was hit.
    pids.iter().filter(|pid| kill_process(**pid, signal).is_ok()).count() > 0
}

#[expect(clippy::disallowed_methods, reason = "how long it lasts is what the event is")]
fn lasts(millis: usize) {
    std::thread::sleep(Duration::from_millis(millis as u64));
}

impl Run<'_> {
    /// Lets something happen; returns whether there was anything that it could happen to.
    pub(super) fn hurt(&mut self, kind: Kind) -> bool {
        match kind {
            Kind::KillController => self.kill(&[Role::Controller]),
            Kind::KillKeeper => self.kill(&[Role::Keeper]),
            Kind::KillBoth => self.kill(&[Role::Keeper, Role::Controller]),
            Kind::KillCourier => self.kill(&[Role::Courier]),
            Kind::KillSsh => self.kill(&[Role::Ssh]),
            Kind::StopController => self.stop(Role::Controller),
            Kind::StopKeeper => self.stop(Role::Keeper),
            Kind::StopCourier => self.stop(Role::Courier),
            Kind::StopSsh => self.stop(Role::Ssh),
            Kind::CutConnections => {
                let host = HOSTS[self.chance.below(HOSTS.len())];
                self.net.cut_connections(host) > 0
            }
            Kind::CutLink => {
                let host = HOSTS[self.chance.below(HOSTS.len())];
                self.net.link(host, "down");
                lasts(100 + self.chance.below(2500));
                self.net.link(host, "up");
                true
            }
            Kind::FullDisk => self.fill_disk(),
            Kind::MovedClock => self.move_clock(),
        }
    }

    /// Returns the processes of a role; of couriers and `ssh` one by chance.
    fn pids(&mut self, role: Role) -> Vec<Pid> {
        match role {
            Role::Controller => self.controller.iter().map(crate::stage::Running::pid).collect(),
            Role::Keeper => keepers_below(self.disk.path()),
            Role::Courier | Role::Ssh => {
                let mut pids = self.net.own_processes();
                pids.retain(|pid| {
                    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                    let words = String::from_utf8_lossy(&words).replace('\0', " ");
                    if role == Role::Ssh {
                        words.starts_with("/usr/bin/ssh ") || words.starts_with("ssh: ")
                    } else {
                        words.contains("drplan courier ") || words.trim_end().ends_with("drplan courier")
                    }
                });
                if pids.is_empty() {
                    return Vec::new();
                }
                let pid = pids[self.chance.below(pids.len())];
                Pid::from_raw(pid).into_iter().collect()
            }
        }
    }

    fn kill(&mut self, roles: &[Role]) -> bool {
        let pids: Vec<Vec<Pid>> = roles.iter().map(|role| self.pids(*role)).collect();
        if pids.iter().any(Vec::is_empty) {
            return false;
        }
        send(&pids.concat(), Signal::KILL)
    }

    fn stop(&mut self, role: Role) -> bool {
        let pids = self.pids(role);
        let is_hit = send(&pids, Signal::STOP);
        if is_hit {
            lasts(50 + self.chance.below(1500));
            send(&pids, Signal::CONT);
        }
        is_hit
    }

    /// Takes all room, but for some pages, from the disk on which the run is.
    fn fill_disk(&mut self) -> bool {
        self.disk_was_full = true;
        let path = self.disk.path().join("fill");
        let mut fill = fs::File::create(&path).unwrap();
        while fill.write_all(&[0; 4096]).is_ok() {}
        let room = self.chance.below(5) as u64 * 4096;
        let length = fill.metadata().unwrap().len();
        fill.set_len(length.saturating_sub(room)).unwrap();
        let most = 100 + self.chance.below(1500);
        lasts(most);
        fs::remove_file(&path).unwrap();
        true
    }

    /// Ends the controller, and puts the calendar of all so far a day ahead or back: as if it had been moved since then.
    fn move_clock(&mut self) -> bool {
        if !self.kill(&[Role::Controller]) || !self.has_begun() {
            return false;
        }
        try_until(|| self.is_gone().then_some(()));
        let path = self.stage.run_dir().join("journal.jsonl");
        let text = fs::read_to_string(&path).unwrap();
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        let days = if self.chance.below(2) == 0 { 1 } else { -1 };
        fs::write(&path, moved(&text[..whole], days * 86_400) + &text[whole..]).unwrap();
        true
    }
}
