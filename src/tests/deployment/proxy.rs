//! `docs/deploy/nginx.conf`.
use std::{collections::BTreeSet, process::Command};

use super::{compose::Compose, file};

const PLACE: &str = "docs/deploy/nginx.conf";

/// A directive, or a block with what is in it.
#[derive(Debug)]
struct Directive {
    words: Vec<String>,
    inside: Vec<Directive>,
}

fn parse(text: &str) -> Vec<Directive> {
    let bare: Vec<&str> = text.lines().map(|line| line.split('#').next().unwrap()).collect();
    let spaced = bare.join("\n").replace('{', " { ").replace('}', " } ").replace(';', " ; ");
    let mut words = spaced.split_whitespace();
    let parsed = block(&mut words, 0);
    assert_eq!(words.next(), None);
    parsed
}

fn block<'a>(words: &mut impl Iterator<Item = &'a str>, depth: usize) -> Vec<Directive> {
    let (mut found, mut sentence) = (Vec::new(), Vec::<String>::new());
    while let Some(word) = words.next() {
        match word {
            ";" => found.push(Directive { words: std::mem::take(&mut sentence), inside: Vec::new() }),
            "{" => {
                let inside = block(words, depth + 1);
                found.push(Directive { words: std::mem::take(&mut sentence), inside });
            }
            "}" => {
                assert!(depth > 0 && sentence.is_empty(), "a bracket too many, or no semicolon after {sentence:?}");
                return found;
            }
            word => sentence.push(word.to_owned()),
        }
    }
    assert!(depth == 0 && sentence.is_empty(), "a bracket is not closed, or no semicolon after {sentence:?}");
    found
}

fn within<'a>(all: &'a [Directive], start: &[&str]) -> &'a [Directive] {
    let found =
        all.iter().find(|directive| directive.words.iter().zip(start).filter(|(a, b)| a == *b).count() == start.len());
    &found.unwrap_or_else(|| panic!("{start:?} is missing")).inside
}

fn value<'a>(all: &'a [Directive], start: &[&str]) -> &'a [String] {
    let found =
        all.iter().find(|directive| directive.words.len() > start.len() && directive.words[..start.len()] == *start);
    &found.unwrap_or_else(|| panic!("{start:?} is missing")).words[start.len()..]
}

fn seconds(words: &[String]) -> u64 {
    words[0].trim_end_matches('s').parse().unwrap()
}

#[test]
fn it_leads_to_the_nodes_and_keeps_nobody_at_one() {
    let (config, compose) = (parse(&file(PLACE)), Compose::read());
    let upstream = within(within(&config, &["http"]), &["upstream", "atelier"]);
    let servers = upstream.iter().filter(|directive| directive.words[0] == "server");
    let servers: BTreeSet<String> = servers.map(|directive| directive.words[1].clone()).collect();
    let nodes = compose.nodes();
    let nodes: BTreeSet<String> =
        nodes.iter().map(|node| format!("{}:{}", node.address, node.config().listen.port())).collect();
    assert_eq!(servers, nodes);
    for sticky in ["ip_hash", "hash", "sticky"] {
        assert!(!upstream.iter().any(|directive| directive.words[0] == sticky), "{sticky}");
    }
    assert_eq!(value(upstream, &["keepalive"]), ["64"]);
    let network = compose.subnet();
    let prefix = network.strip_suffix(".0/24").expect("a network of this size").to_owned();
    assert!(nodes.iter().all(|node| node.starts_with(&prefix)), "{network}: {nodes:?}");
}

#[test]
fn sockets_and_streams_pass() {
    let config = parse(&file(PLACE));
    let http = within(&config, &["http"]);
    let server = within(http, &["server"]);
    assert_eq!(value(server, &["proxy_http_version"]), ["1.1"]);
    assert_eq!(value(server, &["proxy_set_header", "Upgrade"]), ["$http_upgrade"]);
    assert_eq!(value(server, &["proxy_set_header", "Connection"]), ["$connection_upgrade"]);
    assert_eq!(value(within(http, &["map", "$http_upgrade"]), &["default"]), ["upgrade"]);
    for header in ["Host", "X-Forwarded-Host", "X-Forwarded-For", "X-Forwarded-Proto"] {
        value(server, &["proxy_set_header", header]);
    }
    let again = value(server, &["proxy_next_upstream"]);
    assert!(again.contains(&"error".to_owned()) && !again.contains(&"non_idempotent".to_owned()), "{again:?}");
    // Where a socket is opened: what lies outside these would be cut off when it is quiet.
    for place in ["/live/", "/collab/"] {
        let inside = within(server, &["location", place]);
        assert_eq!(value(inside, &["proxy_buffering"]), ["off"], "{place}");
        // A directive of this kind in the place would take the place of all those around it.
        assert!(!inside.iter().any(|directive| directive.words[0] == "proxy_set_header"), "{place}");
        let heartbeat = u64::from(atelier::live::room::HEARTBEAT);
        for timeout in ["proxy_read_timeout", "proxy_send_timeout"] {
            assert!(seconds(value(inside, &[timeout])) > 2 * heartbeat, "{place}: a quiet line is not a dead one");
        }
        assert_eq!(value(inside, &["proxy_pass"]), value(within(server, &["location", "/"]), &["proxy_pass"]));
    }
}

#[test]
fn the_manuals_name_every_place_where_sockets_are_opened() {
    for manual in ["README.md", "docs/operating.md"] {
        let text = file(manual);
        let line = text.lines().find(|line| line.contains("pass `Upgrade`")).expect(manual);
        for place in ["`/live/`", "`/collab/`"] {
            assert!(line.contains(place), "{manual}: {place}");
        }
    }
}

#[test]
fn numbers_stay_inside_and_the_door_is_the_one_of_compose() {
    let (config, compose) = (parse(&file(PLACE)), Compose::read());
    let server = within(within(&config, &["http"]), &["server"]);
    for place in ["/metrics", "/health/"] {
        assert_eq!(value(within(server, &["location", place]), &["return"]), ["404"]);
    }
    let port = &value(server, &["listen"])[0];
    let door = compose.service("proxy")["ports"][0].as_str().unwrap();
    assert!(door.ends_with(&format!(":{port}")), "{door}");
    let mounted = compose.service("proxy")["volumes"][0].as_str().unwrap();
    assert_eq!(mounted, format!("./{PLACE}:/etc/nginx/nginx.conf:ro"));
}

#[test]
fn nginx_itself_takes_it_where_there_is_one() {
    let Ok(version) = Command::new("nginx").arg("-v").output() else {
        eprintln!("there is no nginx here: its own check of {PLACE} was left out");
        return;
    };
    assert!(version.status.success());
    let folder = tempfile::tempdir().unwrap();
    // As it is, but for the port, which may be taken here, and for the folders it keeps waiting bytes in.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = file(PLACE).replace("listen 8080", &format!("listen 127.0.0.1:{port}"));
    let text = text.replace("/tmp/nginx.pid", &folder.path().join("pid").to_string_lossy());
    let kept = |kind| format!("{kind}_temp_path {};", folder.path().join(kind).display());
    let kept: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(kept).concat();
    let text = text.replace("http {", &format!("http {{ {kept}"));
    let place = folder.path().join("nginx.conf");
    std::fs::write(&place, text).unwrap();
    let check = Command::new("nginx").arg("-t").arg("-p").arg(folder.path()).arg("-c").arg(&place).output().unwrap();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}

#[test]
fn a_broken_file_is_found() {
    assert_eq!(parse("a b; c { d 'e'; } # f {").len(), 2);
    for broken in ["a b", "a { b; ", "a { b }", "a; }"] {
        assert!(std::panic::catch_unwind(|| parse(broken)).is_err(), "{broken}");
    }
}
