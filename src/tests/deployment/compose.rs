//! `compose.yaml`.
use std::collections::{BTreeMap, BTreeSet};

use atelier::config::Config;
use serde_json::{Map, Value};
use yaml_rust2::{Yaml, YamlLoader};

use super::{file, image::Image, root};

/// The file as Compose reads it: anchors and merges resolved, variables at their defaults.
pub struct Compose(Value);

/// One of the nodes.
pub struct Node {
    pub name: String,
    pub address: String,
    settings: BTreeMap<String, String>,
    service: Value,
}

impl Compose {
    pub fn read() -> Self {
        let parsed = YamlLoader::load_from_str(&file("compose.yaml")).expect("compose.yaml is YAML");
        assert_eq!(parsed.len(), 1, "one document");
        Self(plain(&parsed[0]))
    }

    fn services(&self) -> &Map<String, Value> {
        self.0["services"].as_object().expect("services")
    }

    /// Those that are built here.
    pub fn nodes(&self) -> Vec<Node> {
        let built = self.services().iter().filter(|(_, service)| service["build"].is_string());
        built
            .map(|(name, service)| {
                let settings = service["environment"].as_object().expect("settings").iter();
                let settings = settings.map(|(key, value)| (key.clone(), text(value))).collect();
                let address = text(&service["networks"]["inside"]["ipv4_address"]);
                Node { name: name.clone(), address, settings, service: service.clone() }
            })
            .collect()
    }

    pub fn service(&self, name: &str) -> &Value {
        &self.0["services"][name]
    }

    pub fn subnet(&self) -> String {
        text(&self.0["networks"]["inside"]["ipam"]["config"][0]["subnet"])
    }
}

impl Node {
    /// The settings as the server takes them. Unknown names and wrong values are refused.
    pub fn config(&self) -> Config {
        load(&self.settings).unwrap_or_else(|error| panic!("{}: {error:#}", self.name))
    }
}

fn load(settings: &BTreeMap<String, String>) -> anyhow::Result<Config> {
    let keys = settings.iter().map(|(name, value)| {
        let key = name.strip_prefix("ATELIER_").unwrap_or(name).to_ascii_lowercase();
        format!("{key} = {}\n", Value::from(value.as_str()))
    });
    Config::from_text(&keys.collect::<String>())
}

fn plain(yaml: &Yaml) -> Value {
    match yaml {
        Yaml::Hash(hash) => {
            let mut map = Map::new();
            for (key, value) in hash {
                let (key, value) = (key.as_str().expect("names are texts"), plain(value));
                match value {
                    Value::Object(merged) if key == "<<" => {
                        merged.into_iter().for_each(|(key, value)| {
                            map.entry(key).or_insert(value);
                        });
                    }
                    value => {
                        map.insert(key.to_owned(), value);
                    }
                }
            }
            Value::Object(map)
        }
        Yaml::Array(items) => items.iter().map(plain).collect(),
        Yaml::String(text) => Value::String(at_defaults(text)),
        Yaml::Integer(number) => Value::from(*number),
        Yaml::Boolean(value) => Value::Bool(*value),
        Yaml::Null => Value::Null,
        other => panic!("{other:?} is not expected in a compose file"),
    }
}

/// `${NAME:-default}` as it is without NAME.
fn at_defaults(text: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else { return text.to_owned() };
    let (variable, after) = rest.split_once('}').expect("a variable ends");
    let (_, default) = variable.split_once(":-").unwrap_or_else(|| panic!("{variable} has no default"));
    format!("{before}{default}{}", at_defaults(after))
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        other => panic!("{other} is no text"),
    }
}

fn list(value: &Value) -> Vec<String> {
    value.as_array().map(|items| items.iter().map(text).collect()).unwrap_or_default()
}

fn seconds(value: &Value) -> u64 {
    text(value).trim_end_matches('s').parse().expect("seconds")
}

#[test]
fn three_nodes_with_settings_that_the_server_takes() {
    let compose = Compose::read();
    let nodes = compose.nodes();
    assert_eq!(nodes.len(), 3);
    for node in &nodes {
        let config = node.config();
        assert!(config.redis.is_some(), "{}: nodes need Redis between them", node.name);
        assert!(matches!(config.database, atelier::config::Database::External { .. }));
        let trusted: Vec<_> = config.trusted_proxies.iter().map(|network| format!("{network:?}")).collect();
        assert_eq!(trusted.len(), 1, "the proxy is trusted, and nobody else: {trusted:?}");
        assert_eq!(node.settings["ATELIER_TRUSTED_PROXIES"], compose.subnet());
        assert_eq!(node.settings, nodes[0].settings, "no node differs from another");
        assert!(node.service["ports"].is_null(), "{} is reached through the proxy only", node.name);
        assert!(root().join(text(&node.service["build"])).join("Dockerfile").exists());
        let drain = config.drain;
        let all = drain.notice + drain.spread + 2 * drain.finish;
        let grace = seconds(&node.service["stop_grace_period"]);
        assert!(grace > all.as_secs(), "{}: killed after {grace} s, but a drain may take {all:?}", node.name);
    }
    let addresses: BTreeSet<_> = nodes.iter().map(|node| &node.address).collect();
    assert_eq!(addresses.len(), 3, "{addresses:?}");
}

#[test]
fn the_databases_connections_suffice_for_all_nodes() {
    let compose = Compose::read();
    let wanted: u32 = compose.nodes().iter().map(|node| node.config().database_connections).sum();
    let command = list(&compose.service("postgres")["command"]);
    let most = command.iter().find_map(|word| word.strip_prefix("max_connections=")).expect("max_connections");
    // Some are left for migrations and for people.
    assert!(wanted + 20 <= most.parse().unwrap(), "{wanted} of {most}");
    assert!(!command.iter().any(|word| word.contains("fsync") || word.contains("synchronous_commit")));
}

#[test]
fn what_it_names_exists() {
    let compose = Compose::read();
    let image = Image::read();
    let (networks, volumes) = (&compose.0["networks"], &compose.0["volumes"]);
    for (name, service) in compose.services() {
        assert!(service["build"].is_string() || service["image"].is_string(), "{name} has an image");
        let needs = service["depends_on"].as_object().map(|needs| needs.keys().cloned().collect::<Vec<_>>());
        for needed in needs.unwrap_or_default() {
            assert!(compose.services().contains_key(&needed), "{name} needs {needed}");
            if service["depends_on"][&needed]["condition"] == "service_healthy" {
                assert!(compose.service(&needed)["healthcheck"].is_object(), "{needed} never says that it is healthy");
            }
        }
        for volume in list(&service["volumes"]) {
            let from = volume.split(':').next().unwrap();
            let exists = if from.starts_with('.') { root().join(from).exists() } else { volumes.get(from).is_some() };
            assert!(exists, "{name}: {from}");
        }
        let joined: Vec<String> = match &service["networks"] {
            Value::Object(joined) => joined.keys().cloned().collect(),
            other => list(other),
        };
        assert!(joined.iter().all(|network| networks.get(network).is_some()) && !joined.is_empty(), "{name}");
    }
    for node in compose.nodes() {
        let test = list(&node.service["healthcheck"]["test"]);
        assert_eq!(test[..2], ["CMD".to_owned(), image.program()]);
        super::image::takes(&test[2..]);
    }
    assert_eq!(compose.service("postgres")["environment"]["POSTGRES_PASSWORD"], "atelier");
    let url = &compose.nodes()[0].settings["DATABASE_URL"];
    assert_eq!(url, "postgres://atelier:atelier@postgres:5432/atelier", "as PostgreSQL is set up");
}

#[test]
fn a_wrong_setting_is_found() {
    let with = |key: &str, value: &str| {
        let mut settings = Compose::read().nodes().remove(0).settings;
        settings.insert(key.to_owned(), value.to_owned());
        load(&settings).map(drop)
    };
    assert!(with("ATELIER_LOG", "warn").is_ok());
    assert!(with("ATELIER_DRAIN_SPREAD", "5").is_err());
    assert!(with("REDIS_URL", "http://redis").is_err());
    assert_eq!(at_defaults("a ${B:-c} d${E:-}"), "a c d");
}
