//! What the policy demands, who does it, and how long ago it was tried.

use super::Mutation;

pub(super) const fn mutations() -> Vec<Mutation> {
    vec![]
}
