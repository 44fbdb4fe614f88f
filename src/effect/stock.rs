//! Where the recovery points of a copy lie, and which of them there are.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::ExposeSecret;
use tokio::task::spawn_blocking;

use super::listing::{self, Measure, is_companion, is_unfinished};
use super::words::short;
use super::{Afar, Env, Errand, afar, secrets};
use crate::bucket::{Access, Address, Bucket, Fault, Limits, StoredPoint, points_of};
use crate::keeper;
use crate::value::Moment;

/// Where recovery points may lie.
#[derive(Clone, Debug)]
pub enum Folder {
    /// In a folder of this machine.
    Here(PathBuf),
    /// In a folder on another host.
    Afar(Box<Afar>, String),
    /// In a bucket.
    Bucket(Box<Vault>),
    /// In a repository: one thing that holds many points, of which its own tool takes one.
    Repository(String),
    /// Where this version does not look; why.
    Unseen(String),
}

/// A place in a bucket, and what opens it.
#[derive(Clone, Debug)]
pub struct Vault {
    /// Its address, such as `s3://bucket/prefix/`.
    pub at: String,
    /// The values by which it is reached, as far as they are no secrets.
    pub values: BTreeMap<String, String>,
    /// How the secret ones are fetched.
    pub keys: Errand,
}

/// The recovery points of a copy.
pub(super) struct Stock {
    /// The points by the UTC time in their names, the newest first.
    pub(super) points: Vec<(Moment, String)>,
    /// Where they lie, for people.
    pub(super) shown: String,
    shelf: Shelf,
}

enum Shelf {
    Here(PathBuf),
    Afar(Box<Afar>, String),
    Bucket(Arc<Bucket>, Vec<StoredPoint>, Env),
}

/// Why there is no stock.
pub(super) enum Lack {
    /// Nothing can be taken from there.
    Nothing(String),
    /// This version cannot look there.
    CannotLook(String),
}

impl Stock {
    /// Lists the points of a folder of this machine. Its path as the system knows it reads better than one with `..` in it.
    pub(super) async fn here(folder: PathBuf) -> Result<Self, Lack> {
        let listed = spawn_blocking(move || names_in(&folder)).await;
        let (folder, names) = listed.unwrap_or_else(|error| Err(error.to_string())).map_err(Lack::Nothing)?;
        Ok(Self::of(names, folder.display().to_string(), Shelf::Here(folder)))
    }

    /// Lists the points of a folder on another host.
    pub(super) async fn afar(afar: &Afar, folder: &str) -> Result<Self, Lack> {
        let shown = format!("{folder} on {}", afar.host.place);
        let names = afar::names(afar, folder).await.map_err(Lack::Nothing)?;
        Ok(Self::of(
            names,
            shown,
            Shelf::Afar(Box::new(afar.clone()), folder.trim_end_matches('/').to_owned()),
        ))
    }

    /// Lists the points of a bucket as it was at a moment: what was laid over them or hidden since does not count.
    pub(super) async fn bucket(vault: &Vault, as_of: Option<Moment>) -> Result<Self, Lack> {
        let address = Address::read(&vault.at).map_err(Lack::Nothing)?;
        let advice =
            "the plan's AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be able to list its versions";
        let cannot = |why: &str| Lack::Nothing(format!("{} cannot be listed: {why}; {advice}", vault.at));
        let fetched =
            secrets::fetch(vault.keys.clone(), None).await.map_err(|why| cannot(&why.to_string()))?;
        let mut env = Env { values: vault.values.clone(), ..Env::default() };
        for (name, value) in fetched.known {
            env.secret.push(name.in_commands().to_owned());
            env.values.insert(name.in_commands().to_owned(), value.expose_secret().to_owned());
        }
        if let Some(name) = fetched.unknown.first() {
            return Err(Lack::CannotLook(format!("nobody was asked for {name}")));
        }
        let access = Access::from_values(|name| env.values.get(name).cloned()).map_err(Lack::CannotLook)?;
        let listed = spawn_blocking(move || {
            let bucket = Bucket::open(address, access, Limits::default(), keeper::stamp().at)?;
            let mut versions = bucket.versions()?;
            versions.retain(|version| as_of.is_none_or(|as_of| version.stored < as_of));
            let points = points_of(&bucket.address().prefix, &versions);
            Ok::<_, Fault>((bucket, points))
        });
        let (bucket, points) = match listed.await {
            Ok(Ok(listed)) => listed,
            Ok(Err(fault)) => return Err(cannot(&fault.to_string())),
            Err(error) => return Err(cannot(&error.to_string())),
        };
        let names = points.iter().map(|point| point.name.clone()).collect();
        let then = as_of.map(|as_of| format!(" as it was before {}", as_of.for_people()));
        let shown = format!("{}{}", vault.at, then.unwrap_or_default());
        Ok(Self::of(names, shown, Shelf::Bucket(Arc::new(bucket), points, env)))
    }

    fn of(names: Vec<String>, shown: String, shelf: Shelf) -> Self {
        let is_point = |name: &String| !is_unfinished(name) && !is_companion(name);
        let points = names.into_iter().filter(is_point);
        let mut points: Vec<(Moment, String)> =
            points.filter_map(|name| Some((Moment::find_in(&name)?, name))).collect();
        // Of two with one time the name decides, so that the choice is the same every time.
        points.sort_unstable_by(|one, other| other.cmp(one));
        Self { points, shown, shelf }
    }

    /// Returns how a step finds a point.
    pub(super) fn path_of(&self, name: &str) -> Option<String> {
        match &self.shelf {
            // Symbolic links stay as they are: `latest` may be the name that people know.
            Shelf::Here(folder) => {
                std::path::absolute(folder.join(name)).ok()?.into_os_string().into_string().ok()
            }
            Shelf::Afar(_, folder) => Some(format!("{folder}/{name}")),
            Shelf::Bucket(bucket, ..) => {
                let Address { bucket, prefix } = bucket.address();
                Some(format!("s3://{bucket}/{prefix}{name}"))
            }
        }
    }

    /// Returns what can be told of a point without reading it; nothing of one on another host.
    pub(super) async fn measure(&self, name: &str) -> Measure {
        match &self.shelf {
            Shelf::Here(folder) => {
                let path = folder.join(name);
                spawn_blocking(move || listing::measure(&path)).await.unwrap_or_default()
            }
            Shelf::Afar(..) => Measure::default(),
            Shelf::Bucket(_, points, _) => {
                let point = points.iter().find(|point| point.name == name);
                point.map(Measure::of_stored).unwrap_or_default()
            }
        }
    }

    /// Returns the host where the points lie, if that is not this machine.
    pub(super) fn host(&self) -> Option<&Afar> {
        match &self.shelf {
            Shelf::Afar(afar, _) => Some(afar),
            Shelf::Here(_) | Shelf::Bucket(..) => None,
        }
    }

    /// Whether points are read by the bucket that keeps them, not as files.
    pub(super) const fn is_bucket(&self) -> bool {
        matches!(self.shelf, Shelf::Bucket(..))
    }

    /// Returns the values with which the place was opened.
    pub(super) const fn env(&self) -> Option<&Env> {
        match &self.shelf {
            Shelf::Bucket(_, _, env) => Some(env),
            Shelf::Here(_) | Shelf::Afar(..) => None,
        }
    }

    /// Says what a point in a bucket surely lacks, without reading all of it; `Err` if that cannot be found out.
    pub(super) async fn lack(&self, name: &str) -> Result<Option<String>, String> {
        let Shelf::Bucket(bucket, points, _) = &self.shelf else { return Ok(None) };
        let Some(point) = points.iter().find(|point| point.name == name).cloned() else {
            return Ok(None);
        };
        let bucket = bucket.clone();
        match spawn_blocking(move || bucket.look_over(&point)).await {
            Ok(Ok(())) => Ok(None),
            Ok(Err(Fault::Rotten(why))) => Ok(Some(why)),
            Ok(Err(fault)) => Err(fault.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn names_in(folder: &Path) -> Result<(PathBuf, Vec<String>), String> {
    let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let shown = folder.display();
    match fs::read_dir(&folder).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
        Ok(entries) => {
            let name = |entry: &fs::DirEntry| entry.file_name().to_str().map(str::to_owned);
            let names = entries.iter().filter_map(name).collect();
            Ok((folder, names))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(format!("{shown} is not there")),
        Err(error) => Err(format!("cannot look into {shown}: {}", short(&error.to_string()))),
    }
}
