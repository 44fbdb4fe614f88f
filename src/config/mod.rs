//! `drplan.yaml`: the settings of a repository.

mod settings;

pub use settings::{Config, Defaults, Error, schema};
