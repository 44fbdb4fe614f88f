//! What a person signs when they answer a run, and whether a signature holds.
//!
//! The signature is an SSHSIG (OpenSSH's `PROTOCOL.sshsig`) in the namespace [`NAMESPACE`] over the
//! exact bytes of a [`Statement`]'s text, so that `ssh-keygen -Y verify` can check it without drplan.

mod key;
mod signer;
mod statement;

pub use key::{Key, KeyError, NAMESPACE};
pub use signer::{SignError, announcement, sign};
pub use statement::{Decision, Matter, Statement, nonce};
