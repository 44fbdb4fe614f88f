//! The one table of what may follow what; used live, on resume and by the report.

use super::{Event, Outcome, Verdict};

/// Where a node of the route stands.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum StepState {
    /// Not begun.
    #[default]
    Pending,
    /// Begun, not ended.
    Running {
        /// Counts from 1.
        attempt: u32,
    },
    /// Begun; a person must answer.
    Awaiting {
        /// Counts from 1.
        attempt: u32,
    },
    /// An attempt failed; the next one follows after a delay.
    Retrying {
        /// The attempt that failed.
        attempt: u32,
    },
    /// Its end is not known and a person must say how to go on.
    Unknown {
        /// The attempt that was interrupted.
        attempt: u32,
    },
    /// Carried out.
    Done {
        /// The attempt that succeeded.
        attempt: u32,
    },
    /// Not needed: its work was done already.
    Unneeded,
    /// A person went on without it.
    Skipped,
    /// Failed for good.
    Failed {
        /// The last attempt.
        attempt: u32,
    },
    /// A dry run went past it.
    Assumed,
}

impl StepState {
    /// Whether what needs this node may begin.
    pub const fn releases(&self) -> bool {
        match self {
            Self::Done { .. } | Self::Unneeded | Self::Skipped | Self::Assumed => true,
            Self::Pending
            | Self::Running { .. }
            | Self::Awaiting { .. }
            | Self::Retrying { .. }
            | Self::Unknown { .. }
            | Self::Failed { .. } => false,
        }
    }

    /// Whether it has begun and not ended.
    pub const fn is_open(&self) -> bool {
        matches!(self, Self::Running { .. } | Self::Awaiting { .. } | Self::Retrying { .. })
    }

    /// Returns the number of the last attempt; 0 if there was none.
    pub const fn attempt(&self) -> u32 {
        match self {
            Self::Running { attempt }
            | Self::Awaiting { attempt }
            | Self::Retrying { attempt }
            | Self::Unknown { attempt }
            | Self::Done { attempt }
            | Self::Failed { attempt } => *attempt,
            Self::Pending | Self::Unneeded | Self::Skipped | Self::Assumed => 0,
        }
    }

    /// Returns the state's name for people.
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Pending => "not begun",
            Self::Running { .. } => "running",
            Self::Awaiting { .. } => "waiting for a person",
            Self::Retrying { .. } => "to be tried again",
            Self::Unknown { .. } => "interrupted, a person must decide",
            Self::Done { .. } => "done",
            Self::Unneeded => "not needed",
            Self::Skipped => "skipped",
            Self::Failed { .. } => "failed",
            Self::Assumed => "would run",
        }
    }
}

/// An event that cannot follow the state that it met.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot happen to a step that is {state}")]
pub struct Illegal {
    event: &'static str,
    state: &'static str,
}

/// Returns the state of a node after an event that is about it.
///
/// # Errors
///
/// When the event cannot follow the state: the journal is damaged, or the engine is wrong.
pub fn next(state: &StepState, event: &Event) -> Result<StepState, Illegal> {
    use StepState as S;
    let illegal = |event| Err(Illegal { event, state: state.title() });
    match (state, event) {
        (
            _,
            Event::PointChosen { .. }
            | Event::StillWaiting { .. }
            | Event::AnswerRejected { .. }
            | Event::ValuesUnknown { .. },
        ) => Ok(state.clone()),

        (S::Pending, Event::StepStarted { attempt: 1, .. }) => Ok(S::Running { attempt: 1 }),
        (S::Retrying { attempt }, Event::StepStarted { attempt: new, .. }) if *new == *attempt + 1 => {
            Ok(S::Running { attempt: *new })
        }
        (_, Event::StepStarted { .. }) => illegal("a start"),

        (
            S::Running { attempt } | S::Awaiting { attempt },
            Event::StepFinished { attempt: ended, outcome, .. },
        ) if attempt == ended => Ok(match outcome {
            Outcome::Done => S::Done { attempt: *attempt },
            Outcome::Failed { .. } => S::Failed { attempt: *attempt },
            Outcome::Assumed => S::Assumed,
        }),
        (_, Event::StepFinished { .. }) => illegal("an end"),

        (S::Running { attempt }, Event::RetryPlanned { attempt: ended, .. }) if attempt == ended => {
            Ok(S::Retrying { attempt: *attempt })
        }
        (_, Event::RetryPlanned { .. }) => illegal("a planned retry"),

        (S::Running { attempt }, Event::PointRefused { attempt: ended, .. }) if attempt == ended => {
            Ok(S::Retrying { attempt: *attempt })
        }
        (_, Event::PointRefused { .. }) => illegal("a refused recovery point"),

        (S::Pending | S::Unknown { .. } | S::Retrying { .. }, Event::StepUnneeded { .. }) => Ok(S::Unneeded),
        (_, Event::StepUnneeded { .. }) => illegal("being unneeded"),

        (
            S::Failed { .. } | S::Unknown { .. } | S::Awaiting { .. } | S::Pending,
            Event::StepSkipped { .. },
        ) => Ok(S::Skipped),
        (_, Event::StepSkipped { .. }) => illegal("a skip"),

        (S::Failed { attempt } | S::Unknown { attempt }, Event::StepRetried { .. }) => {
            Ok(S::Retrying { attempt: *attempt })
        }
        (_, Event::StepRetried { .. }) => illegal("a retry by a person"),

        (S::Running { attempt } | S::Awaiting { attempt }, Event::AnswerAwaited { attempt: asked, .. })
            if attempt == asked =>
        {
            Ok(S::Awaiting { attempt: *attempt })
        }
        (_, Event::AnswerAwaited { .. }) => illegal("a question"),
        (S::Awaiting { attempt }, Event::Answered { .. } | Event::HandedOver { .. }) => {
            Ok(S::Awaiting { attempt: *attempt })
        }
        (_, Event::Answered { .. }) => illegal("an answer"),
        (_, Event::HandedOver { .. }) => illegal("a hand-over"),

        (S::Running { attempt }, Event::StepJudged { attempt: judged, verdict, .. }) if attempt == judged => {
            Ok(match verdict {
                Verdict::Kept | Verdict::NeverRan => S::Running { attempt: *attempt },
                Verdict::Done => S::Done { attempt: *attempt },
                Verdict::Again => S::Retrying { attempt: *attempt },
                Verdict::Ask => S::Unknown { attempt: *attempt },
            })
        }
        (_, Event::StepJudged { .. }) => illegal("a judgement"),

        (
            _,
            Event::RunStarted(_)
            | Event::IncidentStaged
            | Event::RequestHeard { .. }
            | Event::RunResumed { .. }
            | Event::JournalMended { .. }
            | Event::ClockJumped { .. }
            | Event::SecretUnmasked { .. }
            | Event::StopAsked { .. }
            | Event::HoldBegan { .. }
            | Event::RunCommitted { .. }
            | Event::UndoBegan { .. }
            | Event::RunSuspended { .. }
            | Event::RunFinished { .. }
            | Event::ProbesConfined { .. }
            | Event::Checked(_)
            | Event::Told(_),
        ) => illegal("an event of the whole run"),
    }
}
