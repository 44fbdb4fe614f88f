//! One connection to a host: sends a text to its shell, and hears what it says.

use std::future::pending;
use std::pin::Pin;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::reading::{Reading, Word};
use super::road::{Line, Road};
use super::text;

/// How many milliseconds a step may take of which all output is sent at its end: starting what follows it takes time.
const SHORT: u64 = 1000;

/// How a visit ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The visit said this last.
    Said(Word),
    /// The connection ended before everything was said: what `ssh` says, and whether the host had the text.
    Broken { why: String, was_told: bool },
}

/// Carries out what one visit can do; returns the exit code of what was done.
pub(super) async fn visit_once(
    road: &Road<'_>,
    text: impl Fn(&str) -> String,
    deliver: Deliver<'_>,
) -> Result<i32, String> {
    let place = &road.host.place;
    let nonce = text::nonce()?;
    let mut streams = [Reading::new(&nonce, 0), Reading::new(&nonce, 0)];
    match visit(road, &nonce, &text(&nonce), &mut streams, deliver).await? {
        End::Said(Word::Over(Some(code))) => Ok(code),
        End::Said(Word::Cannot(why)) => Err(format!("{place} cannot {why}")),
        End::Said(_) => Err(format!("what {place} says makes no sense")),
        End::Broken { why, was_told: false } => Err(format!("{place} cannot be reached: {why}")),
        End::Broken { why, was_told: true } => Err(format!("the connection to {place} was lost: {why}")),
    }
}

/// Visits a host once.
pub(super) async fn visit(
    road: &Road<'_>,
    nonce: &str,
    text: &str,
    streams: &mut [Reading; 2],
    deliver: Deliver<'_>,
) -> Result<End, String> {
    let line = road.set_out().await.map_err(|error| format!("cannot start ssh: {error}"))?;
    let end = Visit::begin(line).carry_out(nonce, text, streams, deliver).await;
    end.map_err(|error| format!("cannot hand on what it prints: {error}"))
}

/// A visit that is under way; dropping it ends it.
struct Visit {
    line: Line,
    was_told: bool,
}

/// What is done with the step's own output: stream (0 is standard output), bytes.
pub(super) type Deliver<'d> = &'d mut (dyn FnMut(usize, &[u8]) -> std::io::Result<()> + Send);

impl Visit {
    /// Begins with a shell at the host, or what will say why there is none.
    const fn begin(line: Line) -> Self {
        Self { line, was_told: false }
    }

    /// Sends the text once the host's shell is there, and hears everything until the visit is over.
    ///
    /// # Errors
    ///
    /// When what the step has printed cannot be handed on.
    async fn carry_out(
        mut self,
        nonce: &str,
        text: &str,
        streams: &mut [Reading; 2],
        deliver: Deliver<'_>,
    ) -> std::io::Result<End> {
        let mut first = text::greeting(nonce);
        if self.line.is_joined() {
            // The host has just opened the session: that its shell is there needs not be heard first.
            self.was_told = true;
            first.push_str(text);
        }
        if self.send(&first).await.is_err() {
            return Ok(self.broken().await);
        }
        let (mut out, mut err) = (vec![0; 32 << 10], vec![0; 32 << 10]);
        let (mut out_open, mut err_open) = (true, true);
        let (mut ended, mut err_over) = (None, false);
        let mut late: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(pending());
        while out_open || err_open {
            let (stream, words, own) = tokio::select! {
                read = self.line.stdout.read(&mut out), if out_open => {
                    let count = read.unwrap_or(0);
                    out_open = count > 0;
                    let mut own = Vec::new();
                    (0, streams[0].push(out.get(..count).unwrap_or_default(), &mut own), own)
                }
                read = self.line.stderr.read(&mut err), if err_open => {
                    let count = read.unwrap_or(0);
                    err_open = count > 0;
                    let mut own = Vec::new();
                    (1, streams[1].push(err.get(..count).unwrap_or_default(), &mut own), own)
                }
                () = &mut late => {
                    late = Box::pin(pending());
                    // If this does not arrive there is nobody to send anything.
                    let _ = self.send("late\n").await;
                    continue;
                }
            };
            if !own.is_empty() {
                deliver(stream, &own)?;
            }
            for word in words {
                match word {
                    Word::Ready if !self.was_told => {
                        // From here on the host may have it.
                        self.was_told = true;
                        if self.send(text).await.is_err() {
                            return Ok(self.broken().await);
                        }
                    }
                    Word::Here if stream == 0 => late = Box::pin(super::courier::wait(SHORT)),
                    Word::Ready | Word::Here => {}
                    Word::Over(_) if stream == 1 => err_over = true,
                    word => ended = Some(word),
                }
            }
            match &ended {
                Some(Word::Over(_) | Word::Stopped) if !err_over => {}
                Some(word) => return Ok(End::Said(word.clone())),
                None => {}
            }
        }
        Ok(self.broken().await)
    }

    async fn send(&mut self, text: &str) -> std::io::Result<()> {
        match &mut self.line.stdin {
            Some(stdin) => {
                stdin.write_all(text.as_bytes()).await?;
                stdin.flush().await
            }
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    async fn broken(self) -> End {
        End::Broken { why: self.line.why_it_broke().await, was_told: self.was_told }
    }
}
