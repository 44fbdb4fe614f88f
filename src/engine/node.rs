//! Where the engine stands with a node, beyond what the journal says.

use std::sync::Arc;

use crate::probe::Probe;
use crate::value::{Id, Stamp};

/// What the engine is doing about a node right now. None of it is journalled: all of it can be done again.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Doing {
    /// Nothing: it waits for others, or it is over.
    #[default]
    Nothing,
    /// It could begin and waits for a free slot, a lock or a person.
    Ready,
    /// `unless` is being asked, or that of the step whose recipe it is part of.
    Gating,
    /// Its secrets are being fetched.
    Fetching(Then),
    /// A recovery point is being looked for.
    Finding,
    /// Its work is with the keeper.
    Acting,
    /// It waits for a length of time.
    Sleeping,
    /// Probes are being asked.
    Looking(Box<Look>),
    /// It waits before its probes are asked again.
    Pausing(Box<Look>),
    /// It waits before its next attempt.
    Delaying,
    /// It waits for a person.
    Asking,
    /// What is left of its interrupted attempt is being judged.
    Judging(Box<Look>),
}

/// What is done once the secrets of a node are here.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Then {
    /// It begins.
    Begin,
    /// It has begun, and is carried out.
    CarryOut,
    /// Its probes are asked.
    Look(Box<Look>),
}

/// Probes that are asked one after the other.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Look {
    /// What for.
    pub(super) purpose: Purpose,
    /// The probes.
    pub(super) probes: Vec<Arc<Probe>>,
    /// Which one is being asked.
    pub(super) at: usize,
    /// Since when the same probes have been asked again and again.
    pub(super) since: Stamp,
    /// Whether an answer was unknown because nothing really happened.
    pub(super) moot: bool,
    /// Preconditions that do not hold.
    pub(super) unmet: Vec<String>,
}

/// What probes are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Whether a step may begin: once before each attempt.
    Precondition,
    /// Whether a step's work is done: once.
    Verify,
    /// Whether an asset is healthy, or what is waited for is there: again and again.
    Await,
    /// Up to which moment an asset holds data: once.
    Newest,
    /// Whether an interrupted step had done its work: once.
    Judge,
}

impl Doing {
    /// Whether something will be told about the node without anybody else moving.
    pub(super) const fn is_under_way(&self) -> bool {
        match self {
            Self::Gating
            | Self::Fetching(_)
            | Self::Finding
            | Self::Acting
            | Self::Sleeping
            | Self::Looking(_)
            | Self::Pausing(_)
            | Self::Delaying
            | Self::Judging(_) => true,
            Self::Nothing | Self::Ready | Self::Asking => false,
        }
    }
}

/// What a ticket stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ticket {
    /// `unless` of a node.
    Unless(usize),
    /// `unless` of a step with a recipe, asked for its parts.
    GroupUnless(Id),
    /// The secrets of a node that is about to begin.
    FirstFetch(usize),
    /// The secrets of a node that had begun.
    Fetch(usize),
    /// A probe of a look.
    Look(usize),
    /// A recovery point of a copy, for all nodes that restore from it.
    Point(Id),
    /// The end of a pause, a delay or a wait.
    Alarm(usize),
    /// The end of the time for which the run is held.
    Hold,
    /// The end of the time in which a person may answer.
    Expiry(usize),
}
