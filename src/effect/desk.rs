//! Where a person is asked when something else has the terminal, such as the live view.

use std::fmt::Debug;

use tokio::sync::mpsc::UnboundedReceiver;

use crate::value::Id;

/// A place where a person is asked, instead of standard error.
pub trait Desk: Debug + Send + Sync {
    /// Shows something to the person; `about` is the step that is asked about after it, if any.
    fn show(&self, text: Option<String>, about: Option<Id>);

    /// Tells of something that went wrong beside the run.
    fn warn(&self, text: &str);

    /// Leaves the terminal to somebody else; it is free when this returns.
    fn give_way(&self);

    /// Takes the terminal again.
    fn come_back(&self);
}

/// The lines that are typed at a desk, each with the step that it was typed for. Their end means that nobody can
/// answer any more.
pub type Answers = UnboundedReceiver<(Id, String)>;
