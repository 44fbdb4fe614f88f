//! Mirrors of rsync and rclone: a mirror copies every mistake, so it is held to a list of digests of the source.

use std::fs;
use std::process::Command;

use super::{Shop, of_now};
use crate::servers::said;

/// A shop whose point is a mirror that a script has changed after it was made.
fn mirror(script: &str, with: &str) -> Shop {
    let shop = Shop::today(&format!(", verify: [ {{ use: files/verify-mirror, with: {{ {with} }} }} ]"), "");
    let point = shop.point(&of_now().replace(".dump", ""));
    let make = format!(
        "mkdir -p source/photos; for i in $(seq 20); do echo \"photo $i\" >\"source/photos/$i of me.jpg\"; done
         (cd source && find . -type f -print0 | sort -z | xargs -0 sha256sum >../sums && mv ../sums SHA256SUMS)
         rsync -a source/ '{0}/'; cd '{0}'; {script}",
        point.display()
    );
    let folder = tempfile::tempdir().unwrap();
    said(Command::new("bash").args(["-euo", "pipefail", "-c", &make]).current_dir(folder.path()));
    shop
}

#[test]
fn a_mirror_is_held_to_the_list_of_its_source() {
    for with in ["", "mirror: ':local:$POINT_PATH'"] {
        let copy = mirror("true", with).is_good();
        let facts = &copy["looked_into"][0]["facts"];
        assert_eq!((&facts["files"], &copy["integrity"]), (&20.into(), &"digest".into()), "{with} {copy:#}");
        for (script, words) in [
            ("rm 'photos/3 of me.jpg'", "files of the list are not there, such as photos/3 of me.jpg"),
            ("echo x >>'photos/3 of me.jpg'", "photos/3 of me.jpg is not what its producer made"),
            ("truncate -s 0 'photos/3 of me.jpg'", "is not what its producer made"),
            ("echo new >photos/21.jpg", "are not in the list, such as photos/21.jpg"),
            ("rm SHA256SUMS", "it has no SHA256SUMS"),
            (": >SHA256SUMS", "names no file"),
            ("rm -rf ./*", "it holds no file"),
        ] {
            mirror(script, with).has("failure", "not-good", words);
        }
    }
    let more =
        mirror("mv SHA256SUMS list; echo new >photos/21.jpg", "list: list, unlisted: allow, paths: [photos]");
    let more = more.is_good();
    assert_eq!((&more["integrity"], &more["looked_into"][0]["facts"]["files"]), (&"read".into(), &21.into()));
    mirror("true", "paths: [letters]").has("failure", "not-good", "letters is not in it");
}

#[test]
fn a_remote_that_nobody_knows_is_unknown() {
    let shop = mirror("true", "mirror: 'nowhere:photos'");
    shop.has("unknown", "not-known", "nowhere");
    fs::remove_dir_all(shop.point("")).unwrap();
}
