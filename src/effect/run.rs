//! Runs the command of a probe: its whole process group ends with it.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use secrecy::zeroize::Zeroize;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

use super::Reply;
use super::words::{last_line, short};
use crate::keeper::{Mask, await_process, start_time};
use crate::probe::Expect;
use crate::value::Length;

/// How much of each stream is looked at.
pub(super) const KEPT: usize = 64 * 1024;

/// So much is kept of what lists many things: JSON of a tool that tells of thousands of points is longer than what people read.
pub(super) const MOST_OUTPUT: usize = 16 << 20;

/// How long a command may tidy up between TERM and KILL, and may need to die of KILL.
const GRACE: Duration = Duration::from_secs(2);

/// A command that only looks.
pub(super) struct Look<'a> {
    pub(super) program: &'a [String],
    pub(super) env: &'a BTreeMap<String, String>,
    pub(super) cwd: &'a Path,
    pub(super) timeout: Length,
    /// What must not stand in anything that is told of it.
    pub(super) mask: Option<Mask>,
}

/// What a command has printed, and what is to be said against it.
pub(super) struct Ran {
    pub(super) out: Vec<u8>,
    pub(super) failure: Option<String>,
}

/// How a command has ended, and what it has printed.
pub(super) struct Examined {
    /// The exit code; none if a signal ended it.
    pub(super) code: Option<i32>,
    /// The same for people.
    pub(super) ended: String,
    /// The last line of its errors.
    complaint: Option<String>,
    pub(super) out: Vec<u8>,
    /// Whether more was printed than is kept.
    pub(super) is_cut: bool,
}

impl Examined {
    /// Returns the last line that it has printed, of its errors if there is one.
    pub(super) fn said(&self) -> Option<String> {
        self.complaint.clone().or_else(|| last_line(&self.out))
    }
}

/// Which part of a flood is kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Head,
    Tail,
}

struct Stream {
    from: pipe::Receiver,
    part: Vec<u8>,
    kept: Vec<u8>,
    most: usize,
    keep: Keep,
    mask: Option<Mask>,
    is_open: bool,
    is_cut: bool,
}

impl Stream {
    fn new(fd: OwnedFd, keep: Keep, most: usize, mask: Option<Mask>) -> io::Result<Self> {
        let from = pipe::Receiver::from_owned_fd(fd)?;
        let part = vec![0; 8192];
        Ok(Self { from, part, kept: Vec::new(), most, keep, mask, is_open: true, is_cut: false })
    }

    /// Reads a part. May be given up at any time; nothing is lost.
    async fn read(&mut self) {
        match self.from.read(&mut self.part).await {
            Ok(0) | Err(_) => self.is_open = false,
            Ok(count) => self.take(count),
        }
    }

    /// Reads what is there already.
    fn drain(&mut self) {
        // Somebody may go on writing, so there is an end to it: more than a pipe holds is not waited for.
        for _ in 0..256 {
            // The runtime may not have heard yet that there is something, so the kernel is asked itself.
            match rustix::io::read(&self.from, &mut self.part) {
                Ok(0) => break,
                Ok(count) => self.take(count),
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => break,
            }
        }
        if let Some(mut mask) = self.mask.take() {
            let mut rest = Vec::new();
            mask.finish(&mut rest);
            self.keep(&rest);
        }
    }

    fn take(&mut self, count: usize) {
        let mut part = std::mem::take(&mut self.part);
        if let Some(mask) = &mut self.mask {
            // Before anything is cut: half a secret would not be known for one.
            let mut shown = Vec::with_capacity(count);
            mask.push(&part[..count], &mut shown);
            self.keep(&shown);
        } else {
            self.keep(&part[..count]);
        }
        part[..count].zeroize();
        self.part = part;
    }

    fn keep(&mut self, part: &[u8]) {
        match self.keep {
            Keep::Head => {
                let room = part.len().min(self.most - self.kept.len());
                self.kept.extend_from_slice(&part[..room]);
                self.is_cut |= room < part.len();
            }
            Keep::Tail => {
                self.kept.extend_from_slice(part);
                let excess = self.kept.len().saturating_sub(self.most);
                self.kept.drain(..excess);
                self.is_cut |= excess > 0;
            }
        }
    }
}

/// A process group that does not outlive its owner.
struct Group {
    child: Child,
    pid: Pid,
    is_reaped: bool,
}

impl Group {
    fn signal(&self, signal: Signal) {
        // Until the leader is reaped the group's number is its own.
        if !self.is_reaped {
            let _ = kill_process_group(self.pid, signal);
        }
    }

    /// Waits until the leader has ended, and leaves it to be reaped.
    async fn until_ended(&self) -> io::Result<()> {
        let pid = self.pid.as_raw_nonzero().get();
        match start_time(pid)? {
            Some(start_time) => await_process(pid, start_time).await,
            None => Ok(()),
        }
    }

    /// Ends what is left of the group and reaps the leader, if it can be reaped.
    fn end(&mut self) -> Option<ExitStatus> {
        self.signal(Signal::KILL);
        let status = self.child.try_wait().ok().flatten();
        self.is_reaped = status.is_some();
        status
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if !self.is_reaped {
            self.end();
        }
    }
}

/// Runs a command and says whether it ended as expected.
pub(super) async fn run(look: Look<'_>, expect: &Expect) -> Reply {
    let (status, out, err) = match carry_out(look).await {
        Ok(ended) => ended,
        Err(why) => return Reply::Broken(why),
    };
    let code = status.and_then(|status| status.code());
    match judge(status, &out, &err, expect) {
        Ok(found) => Reply::Yes(found),
        Err(why) if broke(code, &why, i32::from(expect.exit.unwrap_or(0))).is_some() => Reply::Broken(why),
        Err(why) => Reply::No(why),
    }
}

/// Says how a command itself broke, so that nothing can be said of what it looked at.
///
/// A shell tells of a signal as 128 and its number, of a program that is not there as 127, of one that it may not
/// start as 126.
pub(super) fn broke(code: Option<i32>, ended: &str, wanted: i32) -> Option<String> {
    match code {
        None => Some(ended.to_owned()),
        Some(code) if code == wanted => None,
        Some(126) => Some("a program in it cannot be started (exit code 126)".to_owned()),
        Some(127) => Some("a program in it is missing (exit code 127)".to_owned()),
        Some(code @ 129..=192) => {
            Some(format!("a program in it was ended by signal {} (exit code {code})", code - 128))
        }
        Some(_) => None,
    }
}

/// Runs a command and returns what it has printed, the errors behind the rest, however it ended.
pub(super) async fn said(look: Look<'_>) -> Result<String, String> {
    let (_, out, err) = carry_out(look).await?;
    Ok([out.kept, err.kept].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).join("\n"))
}

/// Runs a command for what it prints; nothing of that is repeated in what is said against it.
pub(super) async fn capture(look: Look<'_>) -> Result<Ran, String> {
    let (status, out, err) = carry_out(look).await?;
    let failure = if out.is_cut {
        Some(format!("it printed more than {} KiB", KEPT / 1024))
    } else if status.is_some_and(|status| status.success()) {
        None
    } else {
        Some(with(&end_of(status), last_line(&err.kept)))
    };
    Ok(Ran { out: out.kept, failure })
}

/// Runs a command and tells how it ended, without a judgement; so much of its output is kept.
///
/// # Errors
///
/// When it could not be started, or did not end in time.
pub(super) async fn examine(look: Look<'_>, kept: usize) -> Result<Examined, String> {
    let (status, out, err) = carry_out_keeping(look, kept).await?;
    let code = status.and_then(|status| status.code());
    let complaint = last_line(&err.kept);
    Ok(Examined { code, ended: end_of(status), complaint, is_cut: out.is_cut, out: out.kept })
}

async fn carry_out(look: Look<'_>) -> Result<(Option<ExitStatus>, Stream, Stream), String> {
    carry_out_keeping(look, KEPT).await
}

/// Runs a command; so much of what it prints is kept.
async fn carry_out_keeping(
    look: Look<'_>,
    kept: usize,
) -> Result<(Option<ExitStatus>, Stream, Stream), String> {
    let (mut group, mut out, mut err) = start(&look, kept)?;
    #[expect(clippy::disallowed_methods, reason = "the time limit of a probe")]
    let limit = tokio::time::sleep(look.timeout.as_duration());
    tokio::pin!(limit);
    let in_time = {
        let ended = group.until_ended();
        tokio::pin!(ended);
        loop {
            tokio::select! {
                ended = &mut ended => break ended.map(|()| true),
                () = &mut limit => break Ok(false),
                () = out.read(), if out.is_open => {}
                () = err.read(), if err.is_open => {}
            }
        }
    };
    if !in_time.map_err(|error| format!("cannot wait for it: {error}"))? {
        group.signal(Signal::TERM);
        // Nobody reads on: one that still writes is held up, and ends by KILL.
        if tokio::time::timeout(GRACE, group.until_ended()).await.is_err() {
            group.signal(Signal::KILL);
            let _ = tokio::time::timeout(GRACE, group.until_ended()).await;
        }
        group.end();
        return Err(format!("no answer within {}", look.timeout));
    }
    let status = group.end();
    out.drain();
    err.drain();
    Ok((status, out, err))
}

fn start(look: &Look<'_>, kept: usize) -> Result<(Group, Stream, Stream), String> {
    let Some((name, arguments)) = look.program.split_first() else {
        return Err("there is no program to start".to_owned());
    };
    #[expect(clippy::disallowed_methods, reason = "the one place where a probe starts its command")]
    let mut command = Command::new(name);
    command
        .args(arguments)
        .env_clear()
        .envs(look.env)
        .current_dir(look.cwd)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut child = command.spawn().map_err(|error| match error.kind() {
        _ if !look.cwd.is_dir() => format!("there is no folder {} to start in", look.cwd.display()),
        io::ErrorKind::NotFound => format!("cannot start {}: not found", short(name)),
        io::ErrorKind::PermissionDenied => format!("cannot start {}: not allowed", short(name)),
        _ => format!("cannot start {}: {error}", short(name)),
    })?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let (Some(pid), Some(stdout), Some(stderr)) = (pid, stdout, stderr) else {
        return Err(format!("{} was started without pipes", short(name)));
    };
    // From here on it ends with us, also when the pipes cannot be read.
    let group = Group { child, pid, is_reaped: false };
    let unreadable = |error: io::Error| format!("cannot read its output: {error}");
    let out = Stream::new(stdout.into(), Keep::Head, kept, look.mask.clone()).map_err(unreadable)?;
    let err = Stream::new(stderr.into(), Keep::Tail, KEPT, look.mask.clone()).map_err(unreadable)?;
    Ok((group, out, err))
}

/// Says how a command ended.
fn end_of(status: Option<ExitStatus>) -> String {
    match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => format!("exit code {code}"),
        Some((None, Some(signal))) => format!("ended by signal {signal}"),
        Some((None, None)) | None => "nobody can say how it ended".to_owned(),
    }
}

fn with(ended: &str, line: Option<String>) -> String {
    match line {
        Some(line) => format!("{ended}: {line}"),
        None => ended.to_owned(),
    }
}

fn judge(status: Option<ExitStatus>, out: &Stream, err: &Stream, expect: &Expect) -> Result<String, String> {
    let wanted = i32::from(expect.exit.unwrap_or(0));
    let ended = end_of(status);
    if status.and_then(|status| status.code()) != Some(wanted) {
        return Err(with(&ended, last_line(&err.kept).or_else(|| last_line(&out.kept))));
    }
    if let Some(pattern) = &expect.matches
        && !pattern.matches(&String::from_utf8_lossy(&out.kept))
    {
        let part = if out.is_cut { "the first 64 KiB of the output" } else { "the output" };
        let why = format!("{part} does not match `{}`", short(pattern.as_str()));
        return Err(last_line(&out.kept).map_or(why.clone(), |line| format!("{why}: {line}")));
    }
    Ok(last_line(&out.kept).unwrap_or(ended))
}
