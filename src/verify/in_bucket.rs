//! Looks at a copy in a bucket: its points, and whether they can be destroyed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::ask::{Asking, fetch};
use super::judge::{Found, Looked, Seen};
use super::promise::Promise;
use super::subject::Subject;
use super::{Kind, Problem, Severity};
use crate::bucket::{self, Access, Address, Bucket, Certainty, Limits, StoredPoint, Survey, Weakness};
use crate::effect::{Digests, Env, Inspection, Verdict};
use crate::plan::Keep;
use crate::probe::{Facts, Integrity};
use crate::value::Name;

/// Reading all of a large point is no question of minutes.
const READING: Duration = Duration::from_hours(1);

/// Lists the points of a copy in a bucket, and holds their protection to the plan.
pub(super) async fn find(
    asking: Asking<'_>,
    subject: &Subject<'_>,
    promise: &Promise<'_>,
    url: &str,
    env: &mut Env,
    found: &mut Found,
) -> Option<ReadThrough> {
    let asked = promise_of(subject);
    let looks_into = promise.wanted.is_some_and(|wanted| wanted >= Integrity::Read);
    let whole = if looks_into { READING } else { Limits::default().whole };
    let limits = Limits { whole, ..Limits::default() };
    let opened = open(asking, subject, url, env, limits).await;
    let bucket = match opened {
        Ok(bucket) => bucket,
        Err((why, help)) => {
            found.not_seen = Some((why, help));
            return None;
        }
    };
    let as_of = asking.as_of;
    let asks = move || {
        let survey = Survey::take(&bucket, &asked)?;
        let newest = survey.points.iter().rev().find(|point| point.time.is_some_and(|time| time <= as_of));
        let read =
            newest.filter(|_| looks_into).map(|point| (point.name.clone(), bucket.read_through(point)));
        Ok::<_, bucket::Fault>((survey, read))
    };
    let (survey, read) = match tokio::task::spawn_blocking(asks).await {
        Ok(Ok(seen)) => seen,
        Ok(Err(fault)) => {
            let help =
                format!("make {} be reached from here with the keys that the plan gives", subject.reference);
            found.not_seen = Some((format!("{url}: {fault}"), help));
            return None;
        }
        Err(error) => {
            found.not_seen = Some((error.to_string(), "report this: drplan has a fault".to_owned()));
            return None;
        }
    };
    found.folder = Some(url.to_owned());
    found.others = survey.points.iter().filter(|point| point.time.is_none()).count();
    let base = url.trim_end_matches('/');
    found.seen =
        survey.points.iter().filter(|point| point.time.is_some()).map(|point| seen(base, point)).collect();
    found.problems.extend(bucket::judge(&survey, &asked).iter().map(|concern| {
        let severity = match concern.certainty {
            Certainty::Broken => Severity::Failure,
            Certainty::Unknown => Severity::Unknown,
            Certainty::Suspicious => Severity::Warning,
        };
        let kind = if concern.weakness == Weakness::NotKnown { Kind::NotKnown } else { Kind::NotProtected };
        Problem::new(kind, severity, concern.to_string(), concern.help)
    }));
    read.map(|(name, read)| ReadThrough { name, read })
}

/// A point of which everything was read, and what came of it.
pub(super) struct ReadThrough {
    name: String,
    read: Result<bucket::ThroughRead, bucket::Fault>,
}

impl ReadThrough {
    /// Adds what was learned to what else was found of the point.
    pub(super) fn add_to(self, looked: &mut [Looked]) {
        let Some(looked) = looked.iter_mut().find(|looked| looked.name == self.name) else { return };
        match self.read {
            Err(bucket::Fault::Rotten(why)) => looked.digests = Digests::Differ(why),
            Err(fault) => looked.digests = Digests::Unknown(fault.to_string()),
            Ok(read) if read.by_producer == read.objects => looked.digests = Digests::Same(read.objects),
            Ok(read) => {
                if read.by_producer > 0 {
                    let missed = read.objects - read.by_producer;
                    looked.digests = Digests::Uncovered(format!(
                        "{missed} of {} objects have no digest of their producer",
                        read.objects
                    ));
                }
                let facts = Facts { integrity: Some(Integrity::Read), ..Facts::default() };
                let note = format!("{} objects were read", read.objects);
                let inspection = Inspection { verdict: Verdict::Good, note, facts };
                looked.inspections.push(("all of it is read from the bucket".to_owned(), inspection));
            }
        }
    }
}

fn seen(base: &str, point: &StoredPoint) -> Seen {
    Seen {
        name: point.name.clone(),
        path: format!("{base}/{}", point.name),
        time: point.time,
        bytes: Some(point.size()),
        files: Some(point.objects.len() as u64),
    }
}

fn promise_of(subject: &Subject<'_>) -> bucket::Promise {
    let copy = subject.copy;
    let keep_each = match copy.keep {
        Keep::For(length) => Some(length),
        Keep::Latest | Keep::Generations(_) => None,
    };
    bucket::Promise {
        immutable: copy.immutable.as_ref().map(|immutable| immutable.for_),
        may_be_lifted: copy.immutable.as_ref().is_some_and(|immutable| !immutable.except.is_empty()),
        keep_each: keep_each.max(copy.archive),
        reach: copy.keep.reaches_back().max(copy.archive),
        legal_hold: copy.legal_hold == Some(true),
    }
}

/// Opens the bucket with what the plan gives for it: variables, and secrets from where they live.
async fn open(
    asking: Asking<'_>,
    subject: &Subject<'_>,
    url: &str,
    env: &mut Env,
    limits: Limits,
) -> Result<Bucket, (String, String)> {
    let address = Address::read(url).map_err(|why| (why, "mend `at` of the copy".to_owned()))?;
    let mut values: BTreeMap<String, String> = BTreeMap::new();
    for name in Access::NAMES {
        let Ok(key) = name.parse::<Name>() else { continue };
        if asking.plan.secrets.get(&key).is_some() {
            let fetched = fetch(asking, &key).await.map_err(|why| {
                let help = format!(
                    "make what `secrets` says of {name} work on this machine, or look from where it does"
                );
                (format!("{name}, without which it cannot be listed, is not at hand: {why}"), help)
            })?;
            for (name, value) in fetched {
                env.secret.push(name.clone());
                env.values.insert(name.clone(), value.clone());
                values.insert(name, value);
            }
        } else if let Some(value) = subject.vars.get(name) {
            values.insert(name.to_owned(), value.clone());
        }
    }
    let access = Access::from_values(|name| values.get(name).cloned()).map_err(|why| {
        let help = "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY under `secrets`, and AWS_REGION or AWS_ENDPOINT_URL under \
                    `vars` of the plan or of the place";
        (format!("the bucket cannot be opened: {why}"), help.to_owned())
    })?;
    Bucket::open(address, access, limits, asking.now).map_err(|fault| {
        (format!("{url}: {fault}"), "mend the values by which the bucket is opened".to_owned())
    })
}
