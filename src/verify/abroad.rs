//! Looks at what lies on other hosts, over SSH.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::ask::Asking;
use super::found::{Found, Seen};
use super::job::road_to;
use super::promise::Promise;
use super::subject::{Subject, Whereabouts};
use crate::effect::{Afar, Host, Measure, Stored, Unlisted};
use crate::plan::{Keep, Ssh};
use crate::probe::Probe;
use crate::value::{Id, Moment};

/// Returns how a place is reached; nothing if it is this machine, or acted on from it.
///
/// # Errors
///
/// Why nobody knows how to reach it.
pub(super) fn reach(
    asking: Asking<'_>,
    place: &Id,
    values: &BTreeMap<String, String>,
) -> Result<Option<Afar>, String> {
    let ssh = asking.plan.places.get(place).and_then(|place| place.ssh.as_ref());
    let Some(ssh) = ssh.filter(|_| asking.here != Some(place)) else { return Ok(None) };
    let Ssh { user, address, port, host_key } = ssh.filled(place, values)?;
    let host = Host { place: place.to_string(), user, address, port, host_key };
    let (exe, run) = (asking.exe.to_owned(), asking.visit.to_owned());
    Ok(Some(Afar { exe, host, run, inherited: asking.ground.inherited.clone() }))
}

/// Returns where a probe of a subject is asked: at the place that it names, else where the copy lies; nothing for here.
///
/// # Errors
///
/// Why nobody knows how to reach it.
pub(super) fn where_asked(
    asking: Asking<'_>,
    probe: &Probe,
    copy_on: Option<&Afar>,
    values: &BTreeMap<String, String>,
) -> Result<Option<Afar>, String> {
    match &probe.on {
        Some(on) => reach(asking, on, values),
        None => Ok(copy_on.cloned()),
    }
}

/// Removes what looking at copies and jobs has left on their hosts. A host that cannot be reached keeps nothing of value.
pub async fn tidy_up<'a>(
    asking: Asking<'a>,
    subjects: &[Subject<'a>],
    jobs_on: impl Iterator<Item = &'a Id>,
) {
    let mut hosts: BTreeMap<&Id, Afar> = BTreeMap::new();
    for subject in subjects {
        let at = match &subject.at {
            Whereabouts::Host(place, _) => Some(place),
            _ => None,
        };
        for place in at.into_iter().chain(subject.copy.verify.iter().filter_map(|probe| probe.on.as_ref())) {
            if let Ok(Some(afar)) = reach(asking, place, &subject.vars) {
                hosts.insert(place, afar);
            }
        }
    }
    for place in jobs_on {
        if let Ok(Some(afar)) = road_to(asking, place) {
            hosts.insert(place, afar);
        }
    }
    join_all(hosts.values().map(|afar| asking.inspector.tidy_up(afar))).await;
}

/// Lists the points of a folder of a host, or takes a file, or a mirror, for the one point that it is.
pub(super) async fn list(
    asking: Asking<'_>,
    subject: &Subject<'_>,
    promise: &Promise<'_>,
    afar: &Afar,
    path: &str,
    found: &mut Found,
) {
    let single = |bytes| {
        let name = path.trim_end_matches('/').rsplit('/').next().unwrap_or(path).to_owned();
        Seen {
            time: Moment::find_in(&name),
            name,
            path: path.to_owned(),
            measure: Measure { bytes, ..Measure::default() },
        }
    };
    match asking.inspector.list_afar(afar, path).await {
        Ok(Stored::File(bytes)) => found.seen.push(single(Some(bytes))),
        Ok(Stored::Folder(_)) if *promise.keep == Keep::Latest => found.seen.push(single(None)),
        Ok(Stored::Folder(listing)) => found.take(listing),
        Err(Unlisted::Missing(why)) => found.missing = Some(why),
        Err(Unlisted::Unreadable(why)) => {
            let place = &afar.host.place;
            let help = format!(
                "let `ssh {}` work for who runs `drplan verify`, and let {} be read by that account; or run `drplan verify --here {place}` there",
                afar.host.address, subject.reference
            );
            found.not_seen = Some((why, help));
        }
    }
}
