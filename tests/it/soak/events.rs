//! What is done to a run while it is under way.

use std::fs;
use std::io::Write;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::account::Fault;
use super::course::HOSTS;
use super::run::Run;
use crate::clocks::moved;
use crate::hosts::holders_of;
use crate::stage::{keepers_below, try_until};

/// What can happen to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    KillController,
    KillKeeper,
    KillBoth,
    KillCourier,
    KillSsh,
    KillHolder,
    StopController,
    StopKeeper,
    StopCourier,
    StopSsh,
    CutConnections,
    CutLink,
    Reboot,
    FullDisk,
    FullHost,
    MovedClock,
    CtrlC,
    CtrlCTwice,
    SecondController,
}

pub(super) const KINDS: [(Kind, &str); 19] = [
    (Kind::KillController, "kill -9 of the controller"),
    (Kind::KillKeeper, "kill -9 of the keeper"),
    (Kind::KillBoth, "kill -9 of both"),
    (Kind::KillCourier, "kill -9 of a courier"),
    (Kind::KillSsh, "kill -9 of ssh"),
    (Kind::KillHolder, "kill -9 of a holder on a host"),
    (Kind::StopController, "SIGSTOP of the controller"),
    (Kind::StopKeeper, "SIGSTOP of the keeper"),
    (Kind::StopCourier, "SIGSTOP of a courier"),
    (Kind::StopSsh, "SIGSTOP of ssh"),
    (Kind::CutConnections, "connections of a host ended"),
    (Kind::CutLink, "link of a host cut"),
    (Kind::Reboot, "a host started anew"),
    (Kind::FullDisk, "disk full where drplan is"),
    (Kind::FullHost, "disk full on a host"),
    (Kind::MovedClock, "calendar moved by a day"),
    (Kind::CtrlC, "Ctrl-C once"),
    (Kind::CtrlCTwice, "Ctrl-C twice"),
    (Kind::SecondController, "a second controller"),
];

/// Which processes of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Controller,
    Keeper,
    Courier,
    Ssh,
    Holder,
}

/// The words of a process, a blank behind each.
fn command_of(pid: i32) -> String {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&words).replace('\0', " ")
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
            Kind::KillHolder => self.kill(&[Role::Holder]),
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
            Kind::Reboot => {
                let host = HOSTS[self.chance.below(HOSTS.len())];
                self.net.reboot(host);
                true
            }
            Kind::FullDisk => self.fill_disk(),
            Kind::FullHost => {
                self.disk_was_full = true;
                let host = HOSTS[self.chance.below(HOSTS.len())];
                self.net.fill(host, true);
                lasts(100 + self.chance.below(1500));
                self.net.fill(host, false);
                true
            }
            Kind::MovedClock => self.move_clock(),
            Kind::CtrlC => send(&self.pids(Role::Controller), Signal::INT),
            Kind::CtrlCTwice => {
                let pids = self.pids(Role::Controller);
                let is_hit = send(&pids, Signal::INT);
                lasts(20 + self.chance.below(200));
                send(&pids, Signal::INT);
                is_hit
            }
            Kind::SecondController => self.send_another(),
        }
    }

    /// Returns the processes of a role; of couriers and `ssh` one by chance.
    fn pids(&mut self, role: Role) -> Vec<Pid> {
        match role {
            Role::Controller => self.controller.iter().map(crate::stage::Running::pid).collect(),
            Role::Keeper => keepers_below(self.disk.path()),
            Role::Courier => {
                self.one_of(self.net.own_processes(), |words| words.ends_with("drplan courier "))
            }
            Role::Ssh => self.one_of(self.net.own_processes(), |words| {
                words.starts_with("/usr/bin/ssh ") || words.starts_with("ssh: ")
            }),
            Role::Holder => {
                let holders = HOSTS.iter().flat_map(|host| holders_of(&self.state_of(host)));
                self.one_of(holders.collect(), |_| true)
            }
        }
    }

    /// Returns one process by chance of those with such a command.
    fn one_of(&mut self, mut pids: Vec<i32>, is_one: impl Fn(&str) -> bool) -> Vec<Pid> {
        pids.retain(|pid| is_one(&command_of(*pid)));
        if pids.is_empty() {
            return Vec::new();
        }
        let pid = pids[self.chance.below(pids.len())];
        Pid::from_raw(pid).into_iter().collect()
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

    /// Lets another controller take up the run while there is one already; it must be sent away.
    fn send_another(&mut self) -> bool {
        if !self.has_begun() {
            return false;
        }
        let ran = self.net.start(&self.stage, &["resume", &self.id()]).ends();
        // Where the first has just ended the second is the first.
        if ran.code != 2 && !self.is_gone() {
            self.find(Fault::Twice, format!("two controllers: exit {} {}", ran.code, ran.err));
        }
        true
    }
}
