//! Where a file is, as programs want it that do not stand where drplan stood.

use std::path::{Component, Path, PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::About;

/// What the names of shipped recipes begin with; they are part of drplan, and no files.
const SHIPPED: &str = "drplan:";

/// What needs no escape in the path of a URI (RFC 3986, unreserved), and what parts it.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Where a file is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Home {
    /// In the repository: its path from the root of it.
    Inside(String),
    /// Elsewhere on this machine: its absolute path.
    Outside(String),
    /// In drplan itself: its name.
    Shipped(String),
}

impl Home {
    /// Finds where a file is by the name that it was given.
    pub(super) fn new(name: &str, about: &About<'_>) -> Self {
        if name.starts_with(SHIPPED) {
            return Self::Shipped(name.to_owned());
        }
        let path = straight(&about.here.join(name));
        match path.strip_prefix(straight(about.repository)) {
            Ok(below) => Self::Inside(below.display().to_string()),
            Err(_) => Self::Outside(path.display().to_string()),
        }
    }

    /// Returns the path, or the name of what is no file.
    pub(super) fn path(&self) -> &str {
        match self {
            Self::Inside(path) | Self::Outside(path) | Self::Shipped(path) => path,
        }
    }

    /// Whether somebody else can open it.
    pub(super) const fn is_file(&self) -> bool {
        !matches!(self, Self::Shipped(_))
    }

    /// Returns the file as a URI: relative to the repository where it lies in it.
    pub(super) fn uri(&self) -> String {
        let encoded = utf8_percent_encode(self.path(), PLAIN).to_string();
        if matches!(self, Self::Outside(_)) { format!("file://{encoded}") } else { encoded }
    }
}

/// Takes `.` and `..` out of a path without asking the disk.
fn straight(path: &Path) -> PathBuf {
    let mut straight = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                straight.pop();
            }
            other => straight.push(other),
        }
    }
    straight
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::about;

    #[test]
    fn paths_are_told_from_the_root_of_the_repository() {
        let home = |name| Home::new(name, &about());
        assert_eq!(home("shop.yaml"), Home::Inside("plans/shop.yaml".into()));
        assert_eq!(home("./a/../../plans/./shop.yaml"), home("shop.yaml"));
        assert_eq!(home("/repo/plans/shop.yaml"), home("shop.yaml"));
        assert_eq!(home("../../etc/plan.yaml"), Home::Outside("/etc/plan.yaml".into()));
        assert_eq!(home("/repository/plan.yaml"), Home::Outside("/repository/plan.yaml".into()));
        assert!(!home("drplan:borg/restore.yaml").is_file());
    }

    #[test]
    fn uris_hold_nothing_that_a_uri_must_not() {
        let uri = |name| Home::new(name, &about()).uri();
        assert_eq!(uri("a b%20/ä:#?[x]\n.yaml"), "plans/a%20b%2520/%C3%A4%3A%23%3F%5Bx%5D%0A.yaml");
        assert_eq!(uri("/srv/a b.yaml"), "file:///srv/a%20b.yaml");
    }
}
