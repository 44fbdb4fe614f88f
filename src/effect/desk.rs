//! Where a person is asked when something else has the terminal, such as the live view.

use std::fmt;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::value::Id;

/// A place where a person is asked, instead of standard error and standard input.
pub struct Desk {
    show: Box<dyn Fn(Option<String>, Option<Id>) + Send>,
    answers: Option<UnboundedReceiver<String>>,
}

impl Desk {
    /// Makes a desk. `show` is given what to show, and the step that is asked about after it; the lines
    /// that are typed come from `answers`, whose end means that nobody can answer any more.
    pub fn new(
        show: impl Fn(Option<String>, Option<Id>) + Send + 'static,
        answers: UnboundedReceiver<String>,
    ) -> Self {
        Self { show: Box::new(show), answers: Some(answers) }
    }

    pub(super) fn show(&self, text: Option<String>, about: Option<Id>) {
        (self.show)(text, about);
    }

    pub(super) fn take_answers(&mut self) -> Option<UnboundedReceiver<String>> {
        self.answers.take()
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").finish_non_exhaustive()
    }
}
