//! Everything that a step has started, wherever it went, and how it is ended.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};

use super::process::{Stat, TOKEN, has_ended, start_time, stat};

/// A process, for ever: its number and its start.
type Name = (i32, u64);

/// Everything that a step has started.
///
/// A process belongs to it if it is in the step's group, or carries the step's token in its environment, or was
/// started by one that belongs to it, or did so when it was last looked at. One that has thrown away its environment
/// and lost its parent has come to the keeper, which is the reaper of all below it; it belongs to the step if
/// no other step can have started it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family<'t> {
    pub(super) token: &'t str,
    pub(super) group: Pid,
    /// Whether the step's own process is not yet reaped, so that its group's number is its own.
    pub(super) led: bool,
    /// The keeper's session: a group of this number in another one is somebody else's.
    pub(super) session: i32,
    /// Since when, in ticks of `/proc/PID/stat`, no other step has run beside this one; nothing if one has.
    pub(super) alone_since: Option<u64>,
    /// What belonged to it when it was last looked at.
    pub(super) seen: &'t RefCell<BTreeSet<Name>>,
}

struct Process {
    pid: i32,
    stat: Stat,
}

impl Process {
    const fn name(&self) -> Name {
        (self.pid, self.stat.start_time)
    }
}

/// What the environment of a process says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Ours,
    Another,
    /// There is none, or it cannot be read.
    None,
}

struct Member {
    name: Name,
    in_group: bool,
}

impl Family<'_> {
    /// Whether anything of it still runs.
    pub(super) fn is_alive(&self) -> bool {
        !self.members().is_empty()
    }

    /// Sends a signal to the group, then to every member that left it.
    pub(super) fn signal(&self, signal: Signal) {
        // Before anything ends: a child is found by its parent only while that is there.
        let mut members = self.members();
        if self.led {
            let _ = kill_process_group(self.group, signal);
        }
        let mut reached: BTreeSet<Name> = BTreeSet::new();
        // A member may start others while we look: look again until nothing new is found.
        for _ in 0..16 {
            members.retain(|member| reached.insert(member.name));
            if members.is_empty() {
                break;
            }
            for member in &members {
                let twice = self.led && member.in_group && signal == Signal::TERM;
                if !twice {
                    member.signal(signal);
                }
            }
            members = self.members();
        }
    }

    fn members(&self) -> Vec<Member> {
        let own = rustix::process::getpid().as_raw_nonzero().get();
        let Ok(entries) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let processes: Vec<Process> = pids
            .filter(|pid| *pid != own)
            .filter_map(|pid| Some(Process { pid, stat: stat(pid).ok().filter(|stat| !has_ended(stat))? }))
            .collect();
        let mut seen = self.seen.borrow_mut();
        let tokens: Vec<Token> = processes.iter().map(|process| self.token_of(process.pid)).collect();
        let mut ours: BTreeSet<Name> = processes
            .iter()
            .zip(&tokens)
            .filter(|(process, token)| {
                self.holds(&process.stat) || **token == Token::Ours || seen.contains(&process.name())
            })
            .map(|(process, _)| process.name())
            .collect();
        ours.extend(self.adopted(&processes, &tokens, own));
        // Whatever one of them has started is theirs, except what another step's token marks.
        loop {
            let pids: BTreeSet<i32> = ours.iter().map(|(pid, _)| *pid).collect();
            let children = processes
                .iter()
                .zip(&tokens)
                .filter(|(process, token)| **token != Token::Another && pids.contains(&process.stat.parent));
            let before = ours.len();
            ours.extend(children.map(|(process, _)| process.name()));
            if ours.len() == before {
                break;
            }
        }
        seen.clone_from(&ours);
        let ours = processes.iter().filter(|process| ours.contains(&process.name()));
        ours.map(|process| Member { name: process.name(), in_group: self.holds(&process.stat) }).collect()
    }

    fn holds(&self, stat: &Stat) -> bool {
        stat.group == self.group.as_raw_nonzero().get() && stat.session == self.session
    }

    fn token_of(&self, pid: i32) -> Token {
        let Ok(environ) = fs::read(format!("/proc/{pid}/environ")) else { return Token::None };
        let tokens = environ.split(|byte| *byte == 0).filter_map(|entry| {
            entry.strip_prefix(TOKEN.as_bytes()).and_then(|entry| entry.strip_prefix(b"="))
        });
        match tokens.into_iter().next() {
            Some(token) if token == self.token.as_bytes() => Token::Ours,
            Some(_) => Token::Another,
            None => Token::None,
        }
    }

    /// Returns the nameless processes that have come to the keeper, if it is certain that this step has started them.
    fn adopted(&self, processes: &[Process], tokens: &[Token], keeper: i32) -> Vec<Name> {
        let Some(since) = self.alone_since else { return Vec::new() };
        let nameless = || {
            let pairs = processes.iter().zip(tokens);
            let nameless = pairs.filter(|(process, token)| {
                **token == Token::None && process.stat.parent == keeper && !self.holds(&process.stat)
            });
            nameless.map(|(process, _)| process)
        };
        // One from before could start others: then it is not certain.
        if nameless().any(|process| process.stat.start_time < since) {
            return Vec::new();
        }
        nameless().filter(|process| !is_shared(process.pid)).map(Process::name).collect()
    }
}

/// Whether a process is a connection of ours to a host, which all steps on that host share.
///
/// `ssh` writes its title over its environment, and the token with it.
fn is_shared(pid: i32) -> bool {
    let title = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let title = String::from_utf8_lossy(&title);
    let title = title.trim_end_matches('\0').trim_end();
    title.starts_with("ssh: ") && title.contains("/drplan") && title.ends_with("[mux]")
}

impl Member {
    /// Sends a signal to this very process, not to one that took its number since.
    fn signal(&self, signal: Signal) {
        let (number, start) = self.name;
        let Some(pid) = Pid::from_raw(number) else {
            return;
        };
        if let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty())
            && start_time(number).is_ok_and(|found| found == Some(start))
        {
            let _ = pidfd_send_signal(&pidfd, signal);
        }
    }
}
