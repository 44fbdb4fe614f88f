//! What drplan sees of a bucket, on a real server.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;
use std::time::Duration;

use drplan::bucket::{
    Bucket, Certainty, Due, Fault, LifecycleRule, Limits, Promise, Proof, Storage, Survey, TieringRule,
    Version, Versioning, Weakness, judge,
};
use drplan::value::{Length, Moment};

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

const DAY: Length = Length::from_secs(86_400);

fn days(count: u64) -> Length {
    Length::from_secs(count * 86_400)
}

fn now() -> Moment {
    Moment::from_unix_millis(jiff::Timestamp::now().as_millisecond())
}

fn default_lock(s3: &S3, bucket: &str, mode: &str, days: u32) {
    s3.make_locking(bucket);
    let xml = format!(
        "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
         <Mode>{mode}</Mode><Days>{days}</Days></DefaultRetention></Rule></ObjectLockConfiguration>"
    );
    s3.request("PUT", &format!("/{bucket}"), &[("object-lock", "")], &xml, &[]).done();
}

/// What a survey finds: the weaknesses, each with the number of points.
fn found(bucket: &Bucket, promise: &Promise) -> Vec<(Certainty, Weakness, usize)> {
    let survey = Survey::take(bucket, promise).unwrap();
    judge(&survey, promise)
        .iter()
        .map(|found| (found.certainty, found.weakness, found.points.len()))
        .collect()
}

#[test]
fn knows_what_nobody_can_destroy() {
    use Certainty::{Broken, Suspicious, Unknown};
    let s3 = S3::start();
    let promise = Promise { immutable: Some(days(30)), keep_each: Some(days(30)), ..Promise::default() };
    let (today, before) =
        (now().compact(), Moment::from_unix_millis(now().as_unix_millis() - 86_400_000).compact());
    let put_point = |bucket: &str| {
        let dump = s3.put(&format!("/{bucket}/nightly/{today}/db.dump"), "dump");
        s3.put(&format!("/{bucket}/nightly/{today}/SHA256SUMS"), "sums");
        s3.put(&format!("/{bucket}/nightly/{before}/db.dump"), "dump");
        dump
    };
    let seen =
        |bucket: &str, promise: &Promise| found(&s3.open(ADMIN, &format!("s3://{bucket}/nightly/")), promise);
    let delete = |bucket: &str, version: &str, headers: &[(&str, &str)]| {
        let path = format!("/{bucket}/nightly/{today}/db.dump");
        s3.request("DELETE", &path, &[("versionId", version)], "", headers).status
    };
    let bypass = [("x-amz-bypass-governance-retention", "true")];

    // The good one: locked for as long as the plan says, and no administrator can lift it.
    default_lock(&s3, "compliance", "COMPLIANCE", 31);
    let version = put_point("compliance");
    assert_eq!(seen("compliance", &promise), []);
    assert_eq!(delete("compliance", &version, &bypass), 403);

    // Governance looks the same, and the deletion succeeds.
    default_lock(&s3, "governance", "GOVERNANCE", 31);
    let version = put_point("governance");
    assert_eq!(seen("governance", &promise), [(Broken, Weakness::OnlyGovernance, 2)]);
    assert_eq!(seen("governance", &Promise { may_be_lifted: true, ..promise }), []);
    assert_eq!(delete("governance", &version, &[]), 403);
    assert_eq!(delete("governance", &version, &bypass), 204);

    default_lock(&s3, "short", "COMPLIANCE", 7);
    put_point("short");
    assert_eq!(seen("short", &promise), [(Broken, Weakness::LockEndsEarly, 2)]);
    // Points whose time is over need no lock.
    assert_eq!(seen("short", &Promise { immutable: Some(days(6)), ..promise }), []);

    // A bucket that can lock and does not, and one that cannot.
    s3.make_locking("unlocked");
    put_point("unlocked");
    assert_eq!(seen("unlocked", &promise), [(Broken, Weakness::NotLocked, 2)]);
    // A legal hold alone keeps them until somebody takes it away.
    for object in [format!("{today}/db.dump"), format!("{today}/SHA256SUMS"), format!("{before}/db.dump")] {
        let on = "<LegalHold><Status>ON</Status></LegalHold>";
        s3.request("PUT", &format!("/unlocked/nightly/{object}"), &[("legal-hold", "")], on, &[]).done();
    }
    assert_eq!(seen("unlocked", &promise), [(Broken, Weakness::OnlyGovernance, 2)]);
    assert_eq!(seen("unlocked", &Promise { may_be_lifted: true, ..promise }), []);
    s3.make("plain");
    put_point("plain");
    assert_eq!(seen("plain", &promise), [(Broken, Weakness::NotLocked, 0)]);
    assert_eq!(seen("plain", &Promise { immutable: None, ..promise }), []);

    // A key that may not ask: nobody knows, and that is no pass.
    let reader = s3.open(READER, "s3://compliance/nightly/");
    assert_eq!(found(&reader, &promise), [(Unknown, Weakness::NotKnown, 2)]);

    // Legal hold, on one of three objects.
    let hold = Promise { immutable: None, legal_hold: true, ..promise };
    let path = format!("/compliance/nightly/{before}/db.dump");
    s3.request("PUT", &path, &[("legal-hold", "")], "<LegalHold><Status>ON</Status></LegalHold>", &[]).done();
    assert_eq!(seen("compliance", &hold), [(Broken, Weakness::NotHeld, 1)]);

    // Somebody deletes, and somebody writes over it: the lock holds what is below, and both are seen.
    s3.request("DELETE", &format!("/compliance/nightly/{before}/db.dump"), &[], "", &[]).done();
    s3.put(&format!("/compliance/nightly/{today}/db.dump"), "encrypted");
    assert_eq!(
        seen("compliance", &promise),
        [(Broken, Weakness::Hidden, 1), (Suspicious, Weakness::Overwritten, 1)]
    );
    // What is past its time may be hidden.
    assert_eq!(
        seen("compliance", &Promise { keep_each: Some(DAY), ..promise }),
        [(Suspicious, Weakness::Overwritten, 1)]
    );

    // The bucket throws away what the plan keeps.
    let rule = |days: u32| {
        format!(
            "<LifecycleConfiguration><Rule><ID>tidy</ID><Status>Enabled</Status><Filter><Prefix>nightly/</Prefix></Filter>\
             <Expiration><Days>{days}</Days></Expiration></Rule></LifecycleConfiguration>"
        )
    };
    let unlocked = Promise { immutable: None, ..promise };
    s3.request("PUT", "/plain", &[("lifecycle", "")], &rule(7), &[]).done();
    assert_eq!(seen("plain", &unlocked), [(Broken, Weakness::ThrownAway, 0)]);
    let survey = Survey::take(&s3.open(ADMIN, "s3://plain/nightly/"), &unlocked).unwrap();
    assert_eq!(
        judge(&survey, &unlocked)[0].to_string(),
        "the lifecycle rule `tidy` destroys points 7d after they were stored; the plan keeps them for 30d"
    );
    s3.request("PUT", "/plain", &[("lifecycle", "")], &rule(31), &[]).done();
    assert_eq!(seen("plain", &unlocked), []);

    // A rule with a date, for some objects alone, switched off, or for the keys of others.
    let ruled = |rule: LifecycleRule| {
        let survey = Survey { lifecycle: Ok(vec![rule]), ..survey.clone() };
        let found = judge(&survey, &unlocked);
        found.iter().map(|found| (found.certainty, found.weakness)).collect::<Vec<_>>()
    };
    let dated = LifecycleRule {
        id: "tidy".to_owned(),
        is_enabled: true,
        prefix: String::new(),
        is_narrowed: false,
        expires: Some(Due::At(now().plus(days(5)))),
        cools: Vec::new(),
        older_versions: None,
        older_kept: 0,
        older_cool: Vec::new(),
    };
    assert_eq!(ruled(dated.clone()), [(Broken, Weakness::ThrownAway)]);
    assert_eq!(
        ruled(LifecycleRule { is_narrowed: true, ..dated.clone() }),
        [(Suspicious, Weakness::ThrownAway)]
    );
    assert_eq!(ruled(LifecycleRule { is_enabled: false, ..dated.clone() }), []);
    assert_eq!(ruled(LifecycleRule { prefix: "weekly/".to_owned(), ..dated.clone() }), []);

    // What is moved into cold storage is there, and no plain read gets it.
    let cooling = |cools: Due| LifecycleRule {
        expires: None,
        cools: vec![(cools, Storage::Flexible)],
        ..dated.clone()
    };
    let daily = Promise { newest_for: Some(DAY), ..unlocked };
    let cooled = |rule: LifecycleRule, promise: &Promise| {
        let survey = Survey { lifecycle: Ok(vec![rule]), ..survey.clone() };
        let found = judge(&survey, promise);
        found.iter().map(|found| (found.certainty, found.weakness)).collect::<Vec<_>>()
    };
    let at_once = cooling(Due::After(Length::ZERO));
    assert_eq!(cooled(at_once.clone(), &daily), [(Broken, Weakness::Cold)]);
    assert_eq!(cooled(cooling(Due::At(now().plus(days(5)))), &daily), [(Broken, Weakness::Cold)]);
    assert_eq!(
        cooled(LifecycleRule { is_narrowed: true, ..at_once.clone() }, &daily),
        [(Suspicious, Weakness::Cold)]
    );
    // The newest is another by then; a restore from before a harm that was found late waits.
    assert_eq!(cooled(cooling(Due::After(DAY)), &daily), [(Suspicious, Weakness::Cold)]);
    let weekly = Promise { newest_for: Some(days(7)), ..unlocked };
    assert_eq!(cooled(cooling(Due::After(DAY)), &weekly), [(Broken, Weakness::Cold)]);
    // It is past its time, or counted with, or nothing of the copy.
    assert_eq!(cooled(cooling(Due::After(days(30))), &daily), []);
    assert_eq!(cooled(at_once.clone(), &Promise { fetch: Some(Length::from_secs(5 * 3600)), ..daily }), []);
    assert_eq!(cooled(LifecycleRule { is_enabled: false, ..at_once.clone() }, &daily), []);
    // What is counted must be enough: where money makes it faster a person should look.
    let hour = Promise { fetch: Some(Length::from_secs(3600)), ..daily };
    assert_eq!(cooled(at_once.clone(), &hour), [(Suspicious, Weakness::Cold)]);
    let deep = |after: Length| LifecycleRule {
        cools: vec![(Due::After(Length::ZERO), Storage::Flexible), (Due::After(after), Storage::Deep)],
        ..at_once.clone()
    };
    let short = Promise { fetch: Some(Length::from_secs(5 * 3600)), ..daily };
    assert_eq!(cooled(deep(Length::ZERO), &short), [(Broken, Weakness::Cold)]);
    assert_eq!(cooled(deep(days(20)), &short), [(Suspicious, Weakness::Cold)]);
    assert_eq!(cooled(deep(days(30)), &short), []);
    assert_eq!(
        cooled(deep(Length::ZERO), &Promise { fetch: Some(Length::from_secs(12 * 3600)), ..daily }),
        []
    );

    // What an intruder has hidden is locked for as long as the plan says, and should be within reach for as long.
    let older = |after: Length| LifecycleRule {
        cools: Vec::new(),
        older_cool: vec![(after, Storage::Flexible)],
        ..at_once.clone()
    };
    let kept = Survey { versioning: Ok(Versioning::Enabled), ..survey.clone() };
    let hidden = |rule: LifecycleRule, promise: &Promise| {
        let survey = Survey { lifecycle: Ok(vec![rule]), ..kept.clone() };
        let found = judge(&survey, promise);
        found
            .iter()
            .filter(|found| found.weakness == Weakness::Cold)
            .map(|found| (found.certainty, found.why.contains("overwritten or hidden")))
            .collect::<Vec<_>>()
    };
    let locked = Promise { immutable: Some(days(30)), ..daily };
    assert_eq!(hidden(older(days(10)), &locked), [(Suspicious, true)]);
    assert_eq!(hidden(older(days(10)), &Promise { legal_hold: true, ..daily }), [(Suspicious, true)]);
    for (rule, promise) in [
        (older(days(30)), locked),
        (older(days(10)), daily),
        (older(days(10)), Promise { fetch: Some(Length::from_secs(5 * 3600)), ..locked }),
        (LifecycleRule { is_enabled: false, ..older(days(10)) }, locked),
    ] {
        assert_eq!(hidden(rule, &promise), []);
    }
    assert_eq!(
        cooled(older(days(10)), &Promise { legal_hold: true, ..daily }).len(),
        1,
        "only that nothing is locked"
    );

    // What lies in Intelligent-Tiering can be read at once, unless the bucket is told to archive what nobody reads.
    let tiering = |after: u64, into: Storage| TieringRule {
        id: "slow".to_owned(),
        is_enabled: true,
        prefix: "nightly/".to_owned(),
        is_narrowed: false,
        archives: vec![(days(after), into)],
    };
    let entering = LifecycleRule { cools: vec![(Due::After(days(20)), Storage::Tiering)], ..at_once.clone() };
    let archived = |rules: &[LifecycleRule], tiering: Vec<TieringRule>, promise: &Promise| {
        let survey = Survey { lifecycle: Ok(rules.to_vec()), tiering: Ok(tiering), ..survey.clone() };
        let found = judge(&survey, promise);
        found.iter().map(|found| (found.certainty, found.weakness)).collect::<Vec<_>>()
    };
    let yearly = Promise { newest_for: Some(days(365)), reach: Some(days(365)), ..unlocked };
    let long = Promise { reach: Some(days(100)), keep_each: Some(days(100)), ..daily };
    let slow = || vec![tiering(90, Storage::Flexible)];
    let moves = std::slice::from_ref(&entering);
    assert_eq!(archived(moves, slow(), &yearly), [(Broken, Weakness::Cold)]);
    assert_eq!(
        archived(moves, slow(), &Promise { reach: Some(days(111)), ..long }),
        [(Suspicious, Weakness::Cold)]
    );
    // They are no longer wanted when they would be archived; the class alone is no harm; nothing lies there.
    assert_eq!(archived(moves, slow(), &long), []);
    assert_eq!(archived(moves, Vec::new(), &yearly), []);
    assert_eq!(archived(&[], slow(), &yearly), []);
    let elsewhere = TieringRule { prefix: "weekly/".to_owned(), ..tiering(90, Storage::Flexible) };
    assert_eq!(archived(moves, vec![elsewhere], &yearly), []);
    let denied = Survey { lifecycle: Ok(moves.to_vec()), tiering: Err(Fault::Denied), ..survey.clone() };
    assert_eq!(judge(&denied, &yearly)[0].weakness, Weakness::NotKnown);
    assert_eq!(cooled(LifecycleRule { prefix: "weekly/".to_owned(), ..at_once }, &daily), []);
}

#[test]
fn reads_objects_and_holds_them_to_what_was_stored() {
    let s3 = S3::start();
    s3.make("plain");
    let sum = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
    let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let put = |key: &str, body: &str, headers: &[(&str, &str)]| {
        s3.request("PUT", &format!("/plain/{key}"), &[], body, headers).done();
    };
    put("a-md5", "abc", &[]);
    put("b-server", "abc", &[("x-amz-checksum-sha256", sum)]);
    put("c-producer", "abc", &[("x-amz-meta-sha256", hex)]);
    // What was stored is not what its producer has summed.
    put("d-rotten", "abd", &[("x-amz-meta-sha256", hex)]);
    put("e-large", &"0123456789".repeat(300_000), &[]);

    // More than a page of small ones.
    std::thread::scope(|scope| {
        for part in 0..8 {
            let s3 = &s3;
            scope.spawn(move || {
                for at in (part..1_050).step_by(8) {
                    s3.put(&format!("/plain/many/{at:05}"), "x");
                }
            });
        }
    });
    let bucket = s3.open(READER, "s3://plain/");
    let versions = bucket.versions().unwrap();
    assert_eq!(versions.len(), 1_055);
    let checked: Vec<_> = versions[..5].iter().map(|version| bucket.check(version)).collect();
    let rotten = Fault::Rotten("d-rotten: its SHA-256 is not that of what was stored".to_owned());
    assert_eq!(
        checked,
        [Ok(Proof::Md5), Ok(Proof::ServerSha256), Ok(Proof::ProducerSha256), Err(rotten), Ok(Proof::Md5)]
    );
    let gone = Version { key: "nothing".to_owned(), ..versions[0].clone() };
    assert_eq!(bucket.check(&gone), Err(Fault::NoObject));
}

/// A server that gives the same answer to whoever comes; it ends with the test's process.
fn server_that_says(answer: String) -> Vec<(&'static str, String)> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let mut line = String::new();
            while stream.read_line(&mut line).unwrap_or(0) > 2 {
                line.clear();
            }
            let _ = stream.get_mut().write_all(answer.as_bytes());
        }
    });
    vec![
        ("AWS_ACCESS_KEY_ID", "id".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "TheCanarySings-fake".to_owned()),
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
    ]
}

fn http(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}", body.len())
}

#[test]
fn a_server_that_is_wrong_is_not_taken_for_an_empty_bucket() {
    let error =
        |code: &str| format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>m</Message></Error>");
    let endless = "<ListVersionsResult><Name>kept</Name><IsTruncated>true</IsTruncated>\
        <NextKeyMarker>a</NextKeyMarker></ListVersionsResult>";
    let other = "<ListVersionsResult><Name>other</Name></ListVersionsResult>";
    let malformed = |why: &str| Fault::Malformed(why.to_owned());
    let cases = [
        (
            http(
                "301 Moved",
                "x-amz-bucket-region: eu-central-1\r\nlocation: http://127.0.0.1:9/\r\n",
                &error("PermanentRedirect"),
            ),
            Fault::WrongRegion { is: Some("eu-central-1".to_owned()) },
        ),
        (
            http(
                "400 Bad",
                "",
                &error("AuthorizationHeaderMalformed</Code><Region>eu-west-3</Region><Code>")
                    .replace("<Code></Code>", ""),
            ),
            Fault::WrongRegion { is: Some("eu-west-3".to_owned()) },
        ),
        (http("403 No", "", &error("AccessDenied")), Fault::Denied),
        (http("403 No", "", &error("RequestTimeTooSkewed")), Fault::Skewed),
        (http("403 No", "", &error("ExpiredToken")), Fault::WrongKey("ExpiredToken".to_owned())),
        (
            http("503 Slow", "", &error("SlowDown")),
            Fault::Refused { status: 503, code: "SlowDown".to_owned() },
        ),
        (http("502 Bad", "", "<html>nginx</html>"), Fault::Refused { status: 502, code: String::new() }),
        (
            http("200 OK", "", "<html><body>Welcome</body></html>"),
            malformed("its XML is not what was asked for"),
        ),
        (http("200 OK", "", ""), malformed("its XML is not what was asked for")),
        (http("200 OK", "", other), malformed("it lists another bucket")),
        (http("200 OK", "", endless), malformed("its list does not go on where it says")),
        (
            "SSH-2.0-OpenSSH_9.2\r\n".to_owned(),
            Fault::Unreachable("it does not speak HTTP as S3 does".to_owned()),
        ),
    ];
    for (answer, fault) in cases {
        let values = server_that_says(answer.clone());
        let seen = open(&values, "s3://kept/", Limits::default()).versions();
        assert_eq!(seen, Err(fault), "{answer}");
        assert!(!format!("{seen:?}").contains("Canary"));
    }

    // It breaks off in the middle, and it never ends: each in time.
    let limits = Limits { answer: Duration::from_millis(300), ..Limits::default() };
    let long = "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n<ListVersionsResult>".to_owned();
    let cut = open(&server_that_says(long), "s3://kept/", limits).versions();
    assert!(matches!(cut, Err(Fault::Unreachable(_) | Fault::Late)), "{cut:?}");
    let over = Limits { whole: Duration::ZERO, ..Limits::default() };
    let late = open(&server_that_says(http("200 OK", "", other)), "s3://kept/", over).versions();
    assert_eq!(late, Err(Fault::Late));

    // An object of which less comes than the server said before.
    let values = server_that_says(http("200 OK", "etag: \"900150983cd24fb0d6963f7d28e17f72\"\r\n", "abd"));
    let version = Version {
        key: "k".to_owned(),
        id: None,
        is_newest: true,
        is_delete_marker: false,
        size: 3,
        stored: now(),
        etag: None,
        storage: Storage::Quick,
    };
    let rotten = open(&values, "s3://kept/", Limits::default()).check(&version);
    assert_eq!(rotten, Err(Fault::Rotten("k: its MD5 is not that of what was stored".to_owned())));
}
