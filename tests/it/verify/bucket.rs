//! A copy in a bucket of a real server.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use serde_json::Value;

use crate::servers::s3::{ADMIN, READER, S3};
use crate::stage::Stage;

const LOCK: &str = "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>\
                    <Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>";

fn stage(s3: &S3, bucket: &str, copy: &str, key: &str) -> Stage {
    let stage = Stage::new(&format!(
        "vars: {{ AWS_ENDPOINT_URL: '{}', AWS_ACCESS_KEY_ID: {key} }}\n\
         secrets: {{ AWS_SECRET_ACCESS_KEY: {{ file: vault/key }} }}\n\
         places: {{ vps: {{ kind: host }}, s3: {{ kind: bucket }} }}\n\
         assets: {{ db: {{ kind: postgresql, homes: [vps], rpo: 26h }} }}\n\
         backups: {{ nightly: {{ of: [db], points: {{ every: 24h }}, copies: \
         {{ s3: {{ in: s3, at: 's3://{bucket}/nightly/', keep: 12h{copy}, key: AWS_SECRET_ACCESS_KEY }} }} }} }}\n",
        s3.url()
    ));
    let secret = s3.values(ADMIN)[1].1.clone();
    stage.write("vault/key", &secret);
    stage
}

fn verify(stage: &Stage) -> (i32, Value, String) {
    let ran = stage.run(&["verify", "plan.yaml", "--format", "json"]);
    let seen: Value = serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}\n{}", ran.out, ran.err));
    (ran.code, seen["plans"][0]["copies"][0].clone(), ran.out)
}

#[test]
fn points_and_locks_of_a_bucket_are_held_to_the_plan() {
    let s3 = S3::start();
    s3.make_locking("locked");
    s3.request("PUT", "/locked", &[("object-lock", "")], LOCK, &[]).done();
    s3.make("open");
    let name = super::of_now();
    s3.put(&format!("/locked/nightly/{name}"), "content");
    s3.put(&format!("/open/nightly/{name}"), "content");

    let (code, copy, out) = verify(&stage(&s3, "locked", ", immutable: 12h", ADMIN.0));
    assert_eq!((code, &copy["count"], &copy["bytes"]), (0, &1.into(), &7.into()), "{copy:#}");
    assert!(!out.contains("TheCanarySings"), "{out}");

    let (code, copy, _) = verify(&stage(&s3, "open", ", immutable: 12h", ADMIN.0));
    let first = &copy["problems"][0];
    assert_eq!(
        (code, &first["kind"], &first["severity"]),
        (1, &"not-protected".into(), &"failure".into()),
        "{copy:#}"
    );

    // A key that may not ask for locks is no proof that there are any.
    let (code, copy, _) = verify(&stage(&s3, "locked", ", immutable: 12h", READER.0));
    let first = &copy["problems"][0];
    assert_eq!(
        (code, &first["kind"], &first["severity"]),
        (1, &"not-protected".into(), &"unknown".into()),
        "{copy:#}"
    );

    let (code, copy, _) = verify(&stage(&s3, "locked", "", "nobody"));
    let first = &copy["problems"][0];
    assert_eq!(
        (code, &first["kind"], &first["severity"]),
        (1, &"not-seen".into(), &"unknown".into()),
        "{copy:#}"
    );

    let (code, copy, _) = verify(&stage(&s3, "missing", "", READER.0));
    assert_eq!((code, &copy["problems"][0]["kind"]), (1, &"no-point".into()), "{copy:#}");

    // What lies in cold storage is listed and locked like everything else, and no plain read gets it.
    let cold = [("x-amz-storage-class", "GLACIER")];
    s3.request("PUT", &format!("/open/nightly/{name}"), &[], "content", &cold).done();
    let (code, copy, _) = verify(&stage(&s3, "open", "", READER.0));
    let first = &copy["problems"][0];
    assert_eq!(
        (code, &first["kind"], &first["severity"]),
        (1, &"cold".into(), &"failure".into()),
        "{copy:#}"
    );
    assert!(first["what"].as_str().unwrap().contains("it lies in cold storage"), "{copy:#}");
    // Who counts with that has nothing to fear.
    let (code, copy, _) = verify(&stage(&s3, "open", ", fetch: 5h", READER.0));
    assert!(code == 0 && copy["verdict"].is_null(), "{copy:#}");
    // An hour is enough only for those who pay for it; that it is enough here nobody can say.
    let (code, copy, _) = verify(&stage(&s3, "open", ", fetch: 1h", READER.0));
    let first = &copy["problems"][0];
    assert_eq!(
        (code, &first["kind"], &first["severity"]),
        (0, &"cold".into(), &"warning".into()),
        "{copy:#}"
    );
    assert!(first["what"].as_str().unwrap().contains("3h to 5h if it is not expedited"), "{copy:#}");
    let deep = [("x-amz-storage-class", "DEEP_ARCHIVE")];
    s3.request("PUT", &format!("/open/nightly/{name}"), &[], "content", &deep).done();
    let (code, copy, _) = verify(&stage(&s3, "open", ", fetch: 5h", READER.0));
    let first = &copy["problems"][0];
    assert_eq!(
        (code, &first["kind"], &first["severity"]),
        (1, &"cold".into(), &"failure".into()),
        "{copy:#}"
    );

    let keyless = stage(&s3, "locked", "", READER.0);
    fs::remove_file(keyless.path().join("vault/key")).unwrap();
    let (code, copy, _) = verify(&keyless);
    assert_eq!((code, &copy["verdict"]), (1, &"unknown".into()), "{copy:#}");
    assert!(copy.to_string().contains("no-key"), "{copy:#}");
}

/// Stands before a server, and answers for it when it is asked for its lifecycle rules or for those of Intelligent-Tiering: `SeaweedFS`
/// takes none that move objects into another class. The answers are those in the reference of Amazon S3.
fn with_rules(s3: &S3, rules: String, tiering: String) -> String {
    let (behind, listener) = (s3.url().replace("http://", ""), TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
            let mut client = reader.into_inner();
            let asked = head.lines().next().unwrap_or_default();
            let answers = [("lifecycle", &rules), ("intelligent-tiering", &tiering)];
            if let Some((_, answer)) = answers.into_iter().find(|(what, _)| asked.contains(what)) {
                let length = answer.len();
                write!(
                    client,
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}"
                )
                .unwrap();
                continue;
            }
            let behind = behind.clone();
            thread::spawn(move || {
                let mut server = TcpStream::connect(behind).unwrap();
                let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
                server.write_all(head.as_bytes()).unwrap();
                let _ = std::io::copy(&mut server, &mut client);
            });
        }
    });
    url
}

#[test]
fn a_rule_that_will_move_points_into_cold_storage_is_found_before_it_does() {
    let s3 = S3::start();
    s3.make("plain");
    s3.put(&format!("/plain/nightly/{}", super::of_now()), "content");
    let look = |transitions: &[(u32, &str)], keep: &str| {
        let moves: String = transitions
            .iter()
            .map(|(days, class)| {
                format!("<Transition><Days>{days}</Days><StorageClass>{class}</StorageClass></Transition>")
            })
            .collect();
        let rules = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Rule>\
             <ID>cool</ID><Filter><Prefix>nightly/</Prefix></Filter><Status>Enabled</Status>{moves}</Rule></LifecycleConfiguration>"
        );
        let stage = stage(&s3, "plain", "", READER.0);
        let plan = stage.read("plan.yaml").replace(&s3.url(), &with_rules(&s3, rules, String::new()));
        stage.write("plan.yaml", &plan.replace("keep: 12h", keep));
        let (code, copy, _) = verify(&stage);
        assert_eq!(copy["count"], 1, "{copy:#}");
        (code, copy)
    };
    // A point is the newest for a day.
    for (transitions, keep, code, severity) in [
        (&[(0, "GLACIER")][..], "keep: 30d", 1, "failure"),
        (&[(0, "STANDARD_IA"), (0, "DEEP_ARCHIVE")], "keep: 30d", 1, "failure"),
        (&[(90, "DEEP_ARCHIVE"), (1, "GLACIER")], "keep: 30d", 0, "warning"),
        (&[(0, "GLACIER")], "keep: 30d, fetch: 1h", 0, "warning"),
        (&[(0, "DEEP_ARCHIVE")], "keep: 30d, fetch: 5h", 1, "failure"),
    ] {
        let (exit, copy) = look(transitions, keep);
        let problem = &copy["problems"][0];
        assert_eq!(
            (exit, &problem["kind"], &problem["severity"]),
            (code, &"cold".into(), &severity.into()),
            "{copy:#}"
        );
        assert!(
            problem["what"].as_str().unwrap().contains("the lifecycle rule `cool` moves points"),
            "{copy:#}"
        );
    }
    for (transitions, keep) in [
        (&[(0, "STANDARD_IA"), (0, "GLACIER_IR")][..], "keep: 30d"),
        (&[(0, "GLACIER")], "keep: 30d, fetch: 5h"),
        (&[(0, "DEEP_ARCHIVE")], "keep: 30d, fetch: 12h"),
        (&[(0, "INTELLIGENT_TIERING")], "keep: 30d"),
        (&[(30, "GLACIER")], "keep: 30d"),
        (&[], "keep: 30d"),
    ] {
        let (exit, copy) = look(transitions, keep);
        assert!(exit == 0 && !copy.to_string().contains("cold"), "{transitions:?} {keep}: {copy:#}");
    }
}

#[test]
fn what_is_archived_unread_or_once_it_is_hidden_is_found_before_it_is() {
    let s3 = S3::start();
    s3.make("plain");
    s3.make_locking("locked");
    s3.request("PUT", "/locked", &[("object-lock", "")], LOCK, &[]).done();
    let name = super::of_now();
    let tiered = [("x-amz-storage-class", "INTELLIGENT_TIERING")];
    s3.request("PUT", &format!("/plain/nightly/{name}"), &[], "content", &tiered).done();
    s3.put(&format!("/locked/nightly/{name}"), "content");
    let look = |bucket: &str, more: &str, rules: &str, tiering: &str| {
        let rules = format!("<LifecycleConfiguration>{rules}</LifecycleConfiguration>");
        let tiering = format!(
            "<ListBucketIntelligentTieringConfigurationsOutput>{tiering}</ListBucketIntelligentTieringConfigurationsOutput>"
        );
        let stage = stage(&s3, bucket, "", ADMIN.0);
        let plan = stage.read("plan.yaml").replace(&s3.url(), &with_rules(&s3, rules, tiering));
        stage.write("plan.yaml", &plan.replace("keep: 12h", more));
        let (code, copy, _) = verify(&stage);
        assert_eq!(copy["count"], 1, "{copy:#}");
        let cold =
            copy["problems"].as_array().unwrap().iter().find(|problem| problem["kind"] == "cold").cloned();
        let told = cold.map(|cold| {
            let text = |key: &str| cold[key].as_str().unwrap().to_owned();
            (text("severity"), text("what"))
        });
        (code, told)
    };
    let archives = |days: u32, tier: &str| {
        format!(
            "<IntelligentTieringConfiguration><Id>slow</Id><Status>Enabled</Status><Tiering><Days>{days}</Days>\
             <AccessTier>{tier}</AccessTier></Tiering></IntelligentTieringConfiguration>"
        )
    };
    let (code, told) = look("plain", "keep: 120d", "", &archives(90, "ARCHIVE_ACCESS"));
    let (severity, what) = told.unwrap();
    assert_eq!((code, severity.as_str()), (0, "warning"));
    assert_eq!(
        what,
        "the Intelligent-Tiering configuration `slow` archives points that nobody has read for 90d: a read is refused then until \
         they were fetched back, which takes hours, and the copy has no `fetch`"
    );
    let (code, told) = look("plain", "keep: 200d, fetch: 5h", "", &archives(180, "DEEP_ARCHIVE_ACCESS"));
    assert_eq!(code, 0);
    assert!(told.unwrap().1.ends_with("which takes up to 12h, and the copy's `fetch` is 5h"));
    for (keep, tiering) in [
        ("keep: 120d", String::new()),
        ("keep: 90d", archives(90, "ARCHIVE_ACCESS")),
        ("keep: 120d, fetch: 5h", archives(90, "ARCHIVE_ACCESS")),
    ] {
        assert_eq!(look("plain", keep, "", &tiering), (0, None), "{keep} {tiering}");
    }
    // What does not lie there is not archived.
    assert_eq!(look("locked", "keep: 120d", "", &archives(90, "ARCHIVE_ACCESS")), (0, None));

    let older = |more: &str| {
        format!(
            "<Rule><ID>old</ID><Status>Enabled</Status><Filter></Filter><NoncurrentVersionTransition><NoncurrentDays>0</NoncurrentDays>\
             {more}<StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition></Rule>"
        )
    };
    let (code, told) = look("locked", "keep: 30d, immutable: 12h", &older(""), "");
    let (severity, what) = told.unwrap();
    assert_eq!((code, severity.as_str()), (0, "warning"));
    assert!(
        what.starts_with(
            "the lifecycle rule `old` moves what was overwritten or hidden into cold storage 0s after"
        ),
        "{what}"
    );
    let one_stays = older("<NewerNoncurrentVersions>1</NewerNoncurrentVersions>");
    assert_eq!(look("locked", "keep: 30d, immutable: 12h", &one_stays, ""), (0, None));
    assert_eq!(look("locked", "keep: 30d", &older(""), ""), (0, None));
}

#[test]
fn one_bucket_under_two_names_is_no_other_place_and_what_rots_in_it_is_found() {
    let s3 = S3::start();
    s3.make("one");
    s3.make("two");
    let name = super::of_now();
    let verify = |other: &str, policy: &str| {
        let stage = stage(&s3, "one", "", READER.0);
        let plan = stage
            .read("plan.yaml")
            .replace("s3: { kind: bucket }", "s3: { kind: bucket }, far: { kind: bucket }");
        let (head, _) = plan.split_once(" } } }\n").unwrap();
        let far =
            format!("far: {{ in: far, at: 's3://{other}/nightly/', keep: 12h, key: AWS_SECRET_ACCESS_KEY }}");
        let (plan, more) = plan.split_at(head.len());
        stage.write("plan.yaml", &format!("{plan}, {far}{more}{policy}"));
        let ran = stage.run(&["verify", "plan.yaml", "--format", "json"]);
        let seen: Value =
            serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("{}\n{}", ran.out, ran.err));
        let kinds = |at: usize| seen["plans"][0]["copies"][at]["problems"].to_string();
        (kinds(0), kinds(1))
    };
    let sum = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73";
    for bucket in ["one", "two"] {
        let headers = [("x-amz-meta-sha256", sum)];
        s3.request("PUT", &format!("/{bucket}/nightly/{name}"), &[], "content", &headers).done();
    }
    assert!(verify("one", "").1.contains("not-elsewhere"));
    let (one, two) = verify("two", "policy: { integrity: digest }\n");
    assert!(!two.contains("not-elsewhere"), "{two}");
    for problems in [&one, &two] {
        assert!(
            !problems.contains("digest-differs") && !problems.contains("integrity-too-low"),
            "{problems}"
        );
    }
    // Somebody has stored another content under the digest of the old one.
    let headers = [("x-amz-meta-sha256", sum)];
    s3.request("PUT", &format!("/two/nightly/{name}"), &[], "contenT", &headers).done();
    let (one, two) = verify("two", "policy: { integrity: read }\n");
    assert!(two.contains("digest-differs") && !one.contains("digest-differs"), "{one} {two}");
}
