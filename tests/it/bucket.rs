//! What drplan sees of a bucket, on a real server.

use std::time::Duration;

use drplan::bucket::{Fault, Limits};

use crate::servers::s3::{ADMIN, READER, S3, open};

#[test]
fn lists_what_lies_in_a_bucket() {
    let s3 = S3::start();
    s3.make_locking("kept");
    s3.make("plain");
    for name in ["a b+c.txt", "20261122T020000Z/metachat.dump", "20261122T020000Z/ü&<x>.tar"] {
        s3.put(&format!("/kept/nightly/{name}"), "hello");
    }
    let first = s3.put("/kept/nightly/twice", "one");
    let second = s3.put("/kept/nightly/twice", "three");
    s3.put("/kept/nightly/gone", "x");
    s3.request("DELETE", "/kept/nightly/gone", &[], "", &[]).done();
    s3.put("/kept/nightly-2/other", "x");
    s3.put("/plain/nightly/one", "hello");

    let kept = s3.open(READER, "s3://kept/nightly").versions().unwrap();
    let shown: Vec<(&str, bool, bool, u64)> =
        kept.iter().map(|v| (v.key.as_str(), v.is_newest, v.is_delete_marker, v.size)).collect();
    assert_eq!(
        shown,
        [
            ("nightly/20261122T020000Z/metachat.dump", true, false, 5),
            ("nightly/20261122T020000Z/ü&<x>.tar", true, false, 5),
            ("nightly/a b+c.txt", true, false, 5),
            ("nightly/gone", true, true, 0),
            ("nightly/gone", false, false, 1),
            ("nightly/twice", true, false, 5),
            ("nightly/twice", false, false, 3),
        ]
    );
    let twice: Vec<_> =
        kept.iter().filter(|v| v.key == "nightly/twice").map(|v| v.id.clone().unwrap()).collect();
    assert_eq!(twice, [second, first]);
    assert_eq!(kept[0].etag.as_deref(), Some("5d41402abc4b2a76b9719d911017c592"));

    // The same in small pages.
    assert_eq!(s3.open(READER, "s3://kept/nightly").versions_in_pages(2).unwrap(), kept);
    let plain = s3.open(READER, "s3://plain/").versions().unwrap();
    assert_eq!(plain.len(), 1);
    assert_eq!(s3.open(READER, "s3://plain/nothing/").versions(), Ok(vec![]));
    assert_eq!(s3.open(READER, "s3://missing/").versions(), Err(Fault::NoBucket));

    // Keys that are not the server's.
    let unknown = s3.open(("nobody", "x"), "s3://kept/").versions();
    assert_eq!(unknown, Err(Fault::WrongKey("InvalidAccessKeyId".to_owned())));
    let wrong = s3.open((ADMIN.0, "x"), "s3://kept/").versions();
    assert_eq!(wrong, Err(Fault::WrongKey("SignatureDoesNotMatch".to_owned())));

    // A server that hangs, and one that is not there.
    let hanging = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = hanging.local_addr().unwrap().port();
    let mut values = s3.values(READER);
    values[2].1 = format!("http://127.0.0.1:{port}");
    let limits = Limits { answer: Duration::from_millis(200), ..Limits::default() };
    assert_eq!(open(&values, "s3://kept/", limits).versions(), Err(Fault::Late));
    drop(hanging);
    let refused = Fault::Unreachable("connection refused".to_owned());
    assert_eq!(open(&values, "s3://kept/", limits).versions(), Err(refused));
}
