//! A world for tests of the engine: all work ends at once, well or killed, one end at a time.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use super::{Consultation, Effects, Ending, Errand, Happening, Question, Reply, Search, Work};
use crate::journal::Found;
use crate::keeper::{self, Cause, Exit, Outcome};
use crate::value::{Id, Length, Stamp};

/// Effects that remember what was begun, and tell each end on its own.
#[derive(Debug, Default)]
pub(crate) struct Scripted {
    /// The steps, in the order in which they were started.
    pub(crate) acted: Vec<Id>,
    /// How many processes are killed before one may live.
    kills: usize,
    /// What will come, each with how often the disk had been synced when it came to be.
    will_come: VecDeque<(usize, Happening)>,
    /// How often a disk was synced on which that takes long; of others nothing is counted.
    pub(crate) syncs: Rc<Cell<usize>>,
}

impl Scripted {
    pub(crate) fn that_kills(kills: usize) -> Self {
        Self { kills, ..Self::default() }
    }

    fn will_come(&mut self, happening: Happening) {
        self.will_come.push_back((self.syncs.get(), happening));
    }
}

impl Effects for &mut Scripted {
    fn now(&mut self) -> Stamp {
        keeper::stamp()
    }

    fn act(&mut self, work: Work) {
        let Work { step, attempt, .. } = work;
        self.acted.push(step.clone());
        let exit = if self.acted.len() <= self.kills { Exit::Signal(9) } else { Exit::Code(0) };
        let outcome = Outcome {
            step: step.clone(),
            attempt,
            exit,
            cause: Cause::Ended,
            pid: None,
            started: keeper::stamp(),
            ended: keeper::stamp(),
            stdout_bytes: 0,
            stderr_bytes: 0,
            lost_bytes: 0,
            told_secret: false,
        };
        self.will_come(Happening::Ended { step, attempt, ending: Ending::Kept(Box::new(outcome)) });
    }

    fn stop(&mut self, _: &Id, _: u32) {}

    fn acknowledge(&mut self, _: &Id, _: u32) {}

    async fn find_again(&mut self, attempts: &[(Id, u32)]) -> Vec<Result<keeper::Remains, String>> {
        attempts.iter().map(|_| Ok(keeper::Remains::NeverRan)).collect()
    }

    fn outputs(&mut self, _: &Id, _: u32) -> Result<String, String> {
        Ok(String::new())
    }

    fn forget_outputs(&mut self, _: &Id, _: u32) {}

    fn ask(&mut self, ticket: u64, _: Question) {
        self.will_come(Happening::Replied { ticket, reply: Reply::Yes(String::new()) });
    }

    fn fetch(&mut self, _: u64, _: Errand) {}

    fn find_point(&mut self, _: u64, _: Search) {}

    fn consult(&mut self, _: Consultation) {}

    fn withdraw(&mut self, _: &Id) {}

    fn put_away(&mut self, _: &Found) {}

    fn wake_after(&mut self, ticket: u64, _: Length) {
        self.will_come(Happening::Woke { ticket });
    }

    fn has_person(&self) -> bool {
        false
    }

    async fn next(&mut self) -> Happening {
        match self.will_come.pop_front() {
            Some((_, happening)) => happening,
            None => panic!("the engine waits for something that never comes"),
        }
    }

    fn next_now(&mut self) -> Option<Happening> {
        // Nothing ever comes at the same time as something else, unless a slow disk gave it time: the worst case for
        // the journal.
        let (since, _) = self.will_come.front()?;
        if *since == self.syncs.get() {
            return None;
        }
        self.will_come.pop_front().map(|(_, happening)| happening)
    }

    async fn leave(&mut self, _: bool) {}
}
