//! Whether copies that are said to lie in different places really do.
//!
//! Survival is proved from the places that the plan names. A share that is not mounted, or a second name for the same host,
//! makes that proof worthless, and nothing else shows it before the day.

use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::subject::{Subject, Whereabouts};
use super::{CopySeen, Kind, Problem, Severity};
use crate::bucket::Address;
use crate::plan::Need;
use crate::resolve::ResolvedPlan;
use crate::value::Id;

/// How long a file system may take to say which one it is: a dead share says nothing.
const LIMIT: Duration = Duration::from_secs(10);

/// What is lost as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Spot {
    /// A file system of this machine, by its device.
    FileSystem(u64),
    /// A bucket at an endpoint.
    Bucket(String, String),
    /// A host, by its address and port.
    Host(String, Option<u16>),
}

impl Spot {
    /// Returns where a subject really lies, as far as that can be told.
    async fn of(plan: &ResolvedPlan, subject: &Subject<'_>) -> Option<Self> {
        match &subject.at {
            Whereabouts::Here(path) => {
                let path = path.clone();
                let asked = spawn_blocking(move || path.metadata().map(|metadata| metadata.dev()));
                let device = timeout(LIMIT, asked).await.ok()?.ok()?.ok()?;
                Some(Self::FileSystem(device))
            }
            Whereabouts::Url(url) => {
                let bucket = Address::read(url).ok()?.bucket;
                let value = |name: &str| subject.vars.get(name).filter(|value| !value.is_empty());
                let endpoint = value("AWS_ENDPOINT_URL_S3").or_else(|| value("AWS_ENDPOINT_URL"));
                let endpoint = endpoint.map(|endpoint| endpoint.trim_end_matches('/').to_owned());
                Some(Self::Bucket(endpoint.unwrap_or_default(), bucket))
            }
            Whereabouts::Host(place, _) => {
                let ssh = plan.places.get(place)?.ssh.as_ref()?.filled(place, &subject.vars).ok()?;
                Some(Self::Host(ssh.address, ssh.port))
            }
            Whereabouts::Nowhere(_) => None,
        }
    }

    /// Says what is shared, and what to look at.
    fn shared(&self, place: &Id) -> (String, String) {
        match self {
            Self::FileSystem(_) => (
                "on the same file system of this machine".to_owned(),
                format!(
                    "see whether the disk or share of `{place}` is mounted: without it, backups go to the disk below"
                ),
            ),
            Self::Bucket(_, bucket) => (
                format!("in the same bucket `{bucket}`"),
                format!("give `{place}` a bucket of its own, at another endpoint or region"),
            ),
            Self::Host(address, _) => (
                format!("on the same host, {address}"),
                format!(
                    "let `ssh` of `{place}` lead to a host of its own, or say in the plan that both are one place"
                ),
            ),
        }
    }
}

/// Tells of each copy that lies where an earlier one of the same data lies, in another place by the plan.
pub async fn hold_apart(plan: &ResolvedPlan, subjects: &[Subject<'_>], seen: &mut [CopySeen]) {
    let spots = join_all(subjects.iter().map(|subject| Spot::of(plan, subject))).await;
    for (at, (subject, spot)) in subjects.iter().zip(&spots).enumerate() {
        let (Some(place), Some(spot)) = (subject.place, spot) else { continue };
        let other = subjects.iter().zip(&spots).take(at).find(|(other, other_spot)| {
            let is_of_same = other.backup.of.iter().any(|asset| subject.backup.of.contains(asset));
            let is_apart = other.place.is_some_and(|other| is_apart(plan, place, other));
            is_of_same && is_apart && other_spot.as_ref() == Some(spot)
        });
        let Some((other, other_place)) = other.and_then(|(other, _)| Some((other, other.place?))) else {
            continue;
        };
        let (shared, help) = spot.shared(place);
        let what = format!(
            "it should lie in `{place}`, apart from {} in `{other_place}`, and both lie {shared}: what destroys the one destroys the other",
            other.reference
        );
        if let Some(copy) = seen.iter_mut().find(|copy| copy.copy == subject.reference) {
            copy.add(Problem::new(Kind::NotElsewhere, Severity::Failure, what, help));
        }
    }
}

/// Whether a plan says that one place can be lost without the other.
fn is_apart(plan: &ResolvedPlan, one: &Id, other: &Id) -> bool {
    one != other && !is_within(plan, one, other) && !is_within(plan, other, one)
}

fn is_within(plan: &ResolvedPlan, inner: &Id, outer: &Id) -> bool {
    let (mut open, mut seen) = (vec![inner], Vec::new());
    while let Some(place) = open.pop() {
        if place == outer {
            return true;
        }
        if !seen.contains(&place) {
            seen.push(place);
            open.extend(plan.places.get(place).into_iter().flat_map(|place| &place.in_).flat_map(Need::ids));
        }
    }
    false
}
