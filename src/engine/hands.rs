//! One manual step a person: nobody is asked to do two things at once.

use super::dispatcher::Dispatcher;
use super::node::Doing;
use crate::effect::Effects;
use crate::journal::Store;
use crate::plan::Action;
use crate::value::Id;

impl<E: Effects, S: Store> Dispatcher<'_, E, S> {
    /// Whether somebody who may do a manual step is left, when each of those under way has one person.
    pub(super) fn has_hands(&self, at: usize) -> bool {
        let Some(crew) = self.crew(at) else { return true };
        let is_busy =
            |other: &usize| *other != at && !matches!(self.doing[*other], Doing::Nothing | Doing::Ready);
        let busy = (0..self.doing.len()).filter(is_busy).filter_map(|other| self.crew(other));
        is_free(crew, busy.collect())
    }

    /// Returns who may do a manual step: the people that it names, or all of the plan if it names none. Nothing if it needs
    /// nobody that the plan knows.
    fn crew(&self, at: usize) -> Option<Vec<Id>> {
        let step = self.step(at)?;
        let Action::Manual { .. } = *step.action else { return None };
        let named = self.hearing().may_answer(&step.id);
        let crew = if named.is_empty() { self.setup.plan.people.keys().cloned().collect() } else { named };
        (!crew.is_empty()).then_some(crew)
    }
}

/// Whether somebody of a crew is left when every other crew has one person. Which one is not said anywhere, so all ways to
/// give each a person of its own are tried (Kuhn's augmenting paths).
fn is_free(crew: Vec<Id>, mut crews: Vec<Vec<Id>>) -> bool {
    let mut has = Vec::<(Id, usize)>::new();
    crews.push(crew);
    let mut found = false;
    for at in 0..crews.len() {
        found = gets_one(at, &crews, &mut has, &mut Vec::new());
    }
    found
}

/// Gives a crew a person, who may be had from another crew if that gets one elsewhere.
fn gets_one(crew: usize, crews: &[Vec<Id>], has: &mut Vec<(Id, usize)>, tried: &mut Vec<Id>) -> bool {
    for person in &crews[crew] {
        if tried.contains(person) {
            continue;
        }
        tried.push(person.clone());
        let at = has.iter().position(|(other, _)| other == person);
        match at {
            None => has.push((person.clone(), crew)),
            Some(at) if gets_one(has[at].1, crews, has, tried) => has[at].1 = crew,
            Some(_) => continue,
        }
        return true;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crews(text: &str) -> Vec<Vec<Id>> {
        let crew = |crew: &str| crew.split(',').map(|id| id.parse().unwrap()).collect();
        text.split_whitespace().map(crew).collect()
    }

    #[test]
    fn whoever_could_do_both_does_what_nobody_else_can() {
        for (others, crew, free) in [
            ("", "ana", true),
            ("ana", "ana", false),
            ("ana", "ana,ivan", true),
            ("ana,ivan", "ana", true),
            ("ana,ivan ana,ivan", "ana", false),
            ("ana,ivan ivan,mia", "ana", true),
            ("ana,ivan ivan,mia mia", "ana", false),
            // More are asked already than there are people: a hand-over may do that.
            ("ana ana", "ivan", true),
        ] {
            let crew = crews(crew).remove(0);
            assert_eq!(is_free(crew, crews(others)), free, "{others}");
        }
    }
}
