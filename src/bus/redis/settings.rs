//! Where Redis is and how to sign in: what `REDIS_URL` says.
use std::{fmt, str::FromStr};

use redis::{
    Client, ClientTlsConfig, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo, RedisResult,
    TlsCertificates, io::tcp::TcpSettings,
};

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;
const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// How to reach Redis. Shows no secrets.
#[derive(Clone)]
pub struct Settings {
    pub(super) kind: Kind,
    login: Login,
    tls: Option<Tls>,
}

/// What stands at the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// One server.
    Server(Address),
    /// Sentinels that know which server is the master.
    Sentinel { sentinels: Vec<Address>, master: String, login: Login },
    /// Some nodes of a cluster; they know the others.
    Cluster(Vec<Address>),
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Address {
    pub host: String,
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A name and a password; without a password nobody signs in.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Login {
    user: Option<String>,
    password: Option<String>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Login({})", self.user.as_deref().unwrap_or("default"))
    }
}

/// TLS, with whose certificates.
#[derive(Clone, Default)]
struct Tls(Option<TlsCertificates>);

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, login, tls } = self;
        f.debug_struct("Settings").field("kind", kind).field("login", login).field("tls", &tls.is_some()).finish()
    }
}

/// For people; without secrets.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Server(address) => write!(f, "{address}")?,
            Kind::Sentinel { sentinels, master, .. } => {
                write!(f, "the master {master} of {} sentinels", sentinels.len())?;
            }
            Kind::Cluster(seeds) => write!(f, "the cluster of {} and others", seeds[0])?,
        }
        if self.uses_tls() { write!(f, ", with TLS") } else { Ok(()) }
    }
}

impl Settings {
    /// Is `rediss` asked for?
    pub fn uses_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Trusts these authorities instead of the public ones, and shows this certificate with its key. All in PEM.
    pub fn with_certificates(
        mut self,
        authorities: Option<Vec<u8>>,
        own: Option<(Vec<u8>, Vec<u8>)>,
    ) -> Result<Self, String> {
        let some = |pem: &[u8]| pem.windows(BEGIN.len()).any(|part| part == BEGIN);
        if !authorities.as_deref().is_none_or(some) || !own.as_ref().is_none_or(|(certificate, _)| some(certificate)) {
            return Err("there is no certificate in it".to_owned());
        }
        let client_tls = own.map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key });
        self.tls = Some(Tls(Some(TlsCertificates { client_tls, root_cert: authorities })));
        let somewhere = Address { host: "localhost".to_owned(), port: PORT };
        self.client(&somewhere).map_err(|error| error.to_string())?;
        Ok(self)
    }

    /// A client for a server that holds data.
    pub(super) fn client(&self, address: &Address) -> RedisResult<Client> {
        self.client_as(&self.login, address)
    }

    /// A client for a server where one signs in differently: a sentinel.
    pub(super) fn client_as(&self, login: &Login, address: &Address) -> RedisResult<Client> {
        let Address { host, port } = address.clone();
        let mut as_whom = RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP3);
        if let Some(user) = &login.user {
            as_whom = as_whom.set_username(user);
        }
        if let Some(password) = &login.password {
            as_whom = as_whom.set_password(password);
        }
        let tcp = TcpSettings::default().set_nodelay(true);
        let to = match self.tls {
            None => ConnectionAddr::Tcp(host, port),
            Some(_) => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        };
        let info = to.into_connection_info()?.set_tcp_settings(tcp).set_redis_settings(as_whom);
        match &self.tls {
            Some(Tls(Some(certificates))) => Client::build_with_tls(info, certificates.clone()),
            _ => Client::open(info),
        }
    }
}

const HOW: &str = "write it as redis://user:password@host:6379, redis+sentinel://user:password@one:26379,two:26379/\
                   master or redis+cluster://user:password@one:6379,two:6379; with TLS rediss:// instead of redis://. \
                   Signs in a password that mean something in an address are written as %40 for @, %3A for : and so on";

impl FromStr for Settings {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or(HOW)
    }
}

fn parse(text: &str) -> Option<Settings> {
    let (scheme, rest) = text.split_once("://")?;
    let (transport, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
    let tls = match transport {
        "redis" => None,
        "rediss" => Some(Tls::default()),
        _ => return None,
    };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => (Login::parse(login)?, hosts),
        None => (Login::default(), authority),
    };
    let kind = match kind {
        // Publishing knows no database numbers, so that one in the address changes nothing.
        "" if query.is_empty() && path.chars().all(|c| c.is_ascii_digit()) => {
            Kind::Server(Address::parse(hosts, PORT)?)
        }
        "cluster" if query.is_empty() && path.is_empty() => Kind::Cluster(addresses(hosts, PORT)?),
        "sentinel" if !path.is_empty() && !path.contains('/') => Kind::Sentinel {
            sentinels: addresses(hosts, SENTINEL_PORT)?,
            master: unescape(path)?,
            login: Login::of_sentinels(query)?,
        },
        _ => return None,
    };
    Some(Settings { kind, login, tls })
}

fn addresses(hosts: &str, port: u16) -> Option<Vec<Address>> {
    hosts.split(',').map(|host| Address::parse(host, port)).collect()
}

impl Address {
    fn parse(text: &str, default: u16) -> Option<Self> {
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if port.is_empty() { port } else { port.strip_prefix(':')? })
        } else {
            text.split_once(':').unwrap_or((text, ""))
        };
        let port = match port {
            "" => default,
            port => port.parse().ok().filter(|port| *port > 0)?,
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        (!host.is_empty() && host.chars().all(plain)).then(|| Self { host: host.to_owned(), port })
    }
}

impl Login {
    /// `user:password` or `:password`. A name without a password would sign nobody in.
    fn parse(text: &str) -> Option<Self> {
        let (user, password) = text.split_once(':')?;
        let user = Some(unescape(user)?).filter(|user| !user.is_empty());
        let password = Some(unescape(password)?).filter(|password| !password.is_empty())?;
        Some(Self { user, password: Some(password) })
    }

    /// `sentinel_user=…&sentinel_password=…`
    fn of_sentinels(query: &str) -> Option<Self> {
        let mut login = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=')? {
                ("sentinel_user", user) => login.user = Some(unescape(user)?),
                ("sentinel_password", password) => login.password = Some(unescape(password)?),
                _ => return None,
            }
        }
        (login.user.is_none() || login.password.is_some()).then_some(login)
    }
}

/// `%40` is `@`.
fn unescape(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(host: &str, port: u16) -> Address {
        Address { host: host.to_owned(), port }
    }
    fn login(user: &str, password: &str) -> Login {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Login { user: some(user), password: some(password) }
    }
    fn read(url: &str) -> Settings {
        url.parse().unwrap_or_else(|_| panic!("{url}"))
    }

    #[test]
    fn one_server() {
        for (url, kind, who, tls) in [
            ("redis://localhost", at("localhost", 6379), login("", ""), false),
            ("redis://localhost:1/", at("localhost", 1), login("", ""), false),
            ("redis://:p%40ss%3A@10.0.0.1/2", at("10.0.0.1", 6379), login("", "p@ss:"), false),
            ("rediss://me:p@ss@[::1]:7", at("::1", 7), login("me", "p@ss"), true),
            ("rediss://[::1]", at("::1", 6379), login("", ""), true),
        ] {
            let settings = read(url);
            assert_eq!((settings.kind.clone(), settings.login.clone()), (Kind::Server(kind), who), "{url}");
            assert_eq!(settings.uses_tls(), tls);
        }
    }

    #[test]
    fn sentinels_and_clusters() {
        let sentinels = vec![at("a", 26379), at("b", 5)];
        let kind = |login| Kind::Sentinel { sentinels: sentinels.clone(), master: "my master".to_owned(), login };
        assert_eq!(read("redis+sentinel://a,b:5/my%20master").kind, kind(login("", "")));
        let signed = read("rediss+sentinel://u:p@a,b:5/my%20master?sentinel_user=s&sentinel_password=t%26");
        assert_eq!((signed.kind, signed.login), (kind(login("s", "t&")), login("u", "p")));
        assert_eq!(read("redis+cluster://a,b:5").kind, Kind::Cluster(vec![at("a", 6379), at("b", 5)]));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for wrong in [
            "",
            "localhost",
            "redis:localhost",
            "redis://",
            "redis://:6379",
            "http://a",
            "redis+x://a",
            "redis://a:0",
            "redis://a:99999",
            "redis://a:x",
            "redis://a/b",
            "redis://a?b=c",
            "redis://a,b",
            "redis://me@a",
            "redis://me:@a",
            "redis://me:%4@a",
            "redis://me:%zz@a",
            "redis://[::1",
            "redis://[x]",
            "redis://[::1]9",
            "redis://::1",
            "redis+cluster://a/0",
            "redis+cluster://a,",
            "redis+sentinel://a",
            "redis+sentinel://a/b/c",
            "redis+sentinel://a/b?x=y",
            "redis+sentinel://a/b?sentinel_user=x",
            "redis://a b",
        ] {
            assert!(wrong.parse::<Settings>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        for (url, place) in [
            ("rediss://me:geheim@[::1]", "[::1]:6379, with TLS"),
            ("redis+sentinel://me:geheim@a/b?sentinel_password=geheim", "the master b of 1 sentinels"),
            ("redis+cluster://:geheim@a,b", "the cluster of a:6379 and others"),
        ] {
            let settings = read(url);
            assert!(!format!("{settings:?}").contains("geheim"), "{settings:?}");
            assert_eq!(settings.to_string(), place);
        }
    }

    #[test]
    fn certificates_that_are_none_are_refused() {
        let settings = read("rediss://a");
        let broken = b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n".to_vec();
        assert!(settings.clone().with_certificates(Some(broken.clone()), None).is_err());
        assert!(settings.clone().with_certificates(Some(b"nothing".to_vec()), None).is_err());
        assert!(settings.clone().with_certificates(None, Some((broken.clone(), broken))).is_err());
        assert!(settings.with_certificates(None, None).is_ok());
    }
}
