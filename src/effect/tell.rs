//! Tells somebody of what happens, beside what happens: a run neither waits for this nor fails of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::{JoinSet, spawn_blocking};

use super::run::{self, Look};
use super::words::short;
use super::{Reply, http};
use crate::event::Delivery;
use crate::keeper;
use crate::probe::Expect;
use crate::value::{Id, Length, Moment};

/// How long is waited before it is tried again: so many times, and so long.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(4),
    Duration::from_secs(15),
    Duration::from_mins(1),
];

/// How long one try may take.
const LIMIT: Length = Length::from_secs(10);

/// Whom to tell, and how.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Its number in the plan.
    pub number: usize,
    /// Its name for people, without anything that may be secret.
    pub name: String,
    /// How.
    pub way: Way,
}

/// How somebody is told.
#[derive(Clone, Debug)]
pub enum Way {
    /// By a POST of JSON.
    Webhook(Address),
    /// By a command.
    Command {
        /// The program and its arguments.
        program: Vec<String>,
        /// Where it runs.
        cwd: PathBuf,
    },
}

/// Where a webhook lies.
#[derive(Clone, Debug)]
pub enum Address {
    /// The URL.
    Url(String),
    /// The environment variable of the controller that holds it.
    Env(String),
}

/// What somebody is told.
#[derive(Clone, Debug)]
pub struct Message {
    /// Of what, such as "step-failed".
    pub of: String,
    /// The step that it is about.
    pub step: Option<Id>,
    /// When that happened.
    pub at: Moment,
    /// What is sent.
    pub body: Value,
    /// The environment of a command that is run.
    pub env: BTreeMap<String, String>,
}

/// Why a try failed, and whether another one would as well.
struct Trouble {
    why: String,
    is_final: bool,
}

/// All that is on its way.
#[derive(Debug, Default)]
pub(super) struct Heralds {
    queues: BTreeMap<usize, mpsc::UnboundedSender<Message>>,
    /// What each has not delivered yet, in order.
    open: Vec<(usize, Delivery)>,
    tasks: JoinSet<()>,
}

impl Heralds {
    /// Sends a message on its way; what became of it is told.
    pub(super) fn tell(
        &mut self,
        channel: &Channel,
        message: Message,
        tell: impl Fn(usize, Delivery) + Send + Sync + 'static,
    ) {
        let Message { of, step, at, .. } = &message;
        let (of, step, at, to) = (of.clone(), step.clone(), *at, channel.name.clone());
        self.open.push((channel.number, Delivery { to, of, step, at, attempts: 0, failure: None }));
        let queue = self.queues.entry(channel.number).or_insert_with(|| {
            let (queue, messages) = mpsc::unbounded_channel();
            self.tasks.spawn(carry(channel.clone(), messages, tell));
            queue
        });
        // The other end lives as long as we do.
        let _ = queue.send(message);
    }

    /// Hears that the oldest message of a channel is not on its way any more.
    pub(super) fn arrived(&mut self, number: usize) {
        if let Some(at) = self.open.iter().position(|(of, _)| *of == number) {
            self.open.remove(at);
        }
    }

    /// Whether nothing is on its way.
    pub(super) const fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    /// Gives up what is on its way still.
    pub(super) fn give_up(&mut self) -> Vec<Delivery> {
        self.tasks.abort_all();
        self.queues.clear();
        let late = "it was still on its way when drplan had to go";
        let open = std::mem::take(&mut self.open).into_iter();
        open.map(|(_, delivery)| Delivery { failure: Some(late.to_owned()), ..delivery }).collect()
    }
}

/// Sends messages, and waits until each has arrived or was given up, `within` this time at most.
pub async fn deliver_all(messages: Vec<(Channel, Message)>, within: Length) -> Vec<Delivery> {
    let (teller, mut told) = mpsc::unbounded_channel();
    let mut heralds = Heralds::default();
    for (channel, message) in messages {
        let teller = teller.clone();
        heralds.tell(&channel, message, move |number, delivery| {
            let _ = teller.send((number, delivery));
        });
    }
    let mut deliveries = Vec::new();
    let late = keeper::wait(within);
    tokio::pin!(late);
    while !heralds.is_idle() {
        tokio::select! {
            _ = &mut late => break,
            Some((number, delivery)) = told.recv() => {
                heralds.arrived(number);
                deliveries.push(delivery);
            }
        }
    }
    deliveries.extend(heralds.give_up());
    deliveries
}

/// Delivers the messages of a channel one after the other, so that they arrive in order.
async fn carry(
    channel: Channel,
    mut messages: mpsc::UnboundedReceiver<Message>,
    tell: impl Fn(usize, Delivery) + Send + Sync + 'static,
) {
    while let Some(message) = messages.recv().await {
        let mut attempts = 0;
        let mut pauses = PAUSES.iter();
        let failure = loop {
            attempts += 1;
            let Err(trouble) = deliver(&channel.way, &message).await else { break None };
            match pauses.next() {
                Some(pause) if !trouble.is_final => {
                    #[expect(
                        clippy::disallowed_methods,
                        reason = "the pause before a message is sent again"
                    )]
                    tokio::time::sleep(*pause).await;
                }
                _ => break Some(trouble.why),
            }
        };
        let Message { of, step, at, .. } = message;
        tell(channel.number, Delivery { to: channel.name.clone(), of, step, at, attempts, failure });
    }
}

async fn deliver(way: &Way, message: &Message) -> Result<(), Trouble> {
    match way {
        Way::Command { program, cwd } => {
            let look = Look { program, env: &message.env, cwd, timeout: LIMIT, mask: None };
            match run::run(look, &Expect::default()).await {
                Reply::Yes(_) => Ok(()),
                Reply::No(why) | Reply::Unknown(why) | Reply::Broken(why) => {
                    Err(Trouble { why, is_final: false })
                }
            }
        }
        Way::Webhook(address) => {
            let url = match address {
                Address::Url(url) => url.clone(),
                Address::Env(name) => variable(name).ok_or_else(|| Trouble {
                    why: format!("the environment variable {name} is not set"),
                    is_final: true,
                })?,
            };
            let request = http::json_to(&url, &[], &message.body);
            let sent = spawn_blocking(move || http::send(&request, Some(LIMIT.as_duration()))).await;
            let sent = sent.unwrap_or_else(|error| Err(error.to_string()));
            // Whoever has the URL may write to the channel: it stands in no record.
            let masked = |why: String| short(&why.replace(&url, "(the URL)"));
            let response = sent.map_err(|why| Trouble { why: masked(why), is_final: false })?;
            http::judge(&response, &Expect::default()).map(|_| ()).map_err(|why| {
                let why = masked(why);
                Trouble { why, is_final: response.is_refused_for_good() }
            })
        }
    }
}

/// Returns the value of an environment variable of the controller.
#[expect(clippy::disallowed_methods, reason = "the one place where a webhook's URL is fetched")]
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
