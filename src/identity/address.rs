//! Where a request comes from: its network address, its scheme, and whether our own pages sent it.
use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, FromRef, FromRequestParts},
    http::{Uri, header, request::Parts},
};

use super::{Identity, Settings};
use crate::{
    http::{
        Problem,
        peer::{Client, Network, last},
    },
    kernel::Code,
};

/// The networks whose `X-Forwarded-*` headers are believed; none unless set.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Arc<[Network]>);

impl From<Vec<Network>> for Proxies {
    fn from(networks: Vec<Network>) -> Self {
        Self(networks.into())
    }
}

impl Proxies {
    fn client(&self, parts: &Parts) -> Client {
        let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = info.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
        Client::seen(peer, &parts.headers, &self.0)
    }

    fn trust(&self, parts: &Parts) -> bool {
        let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        info.is_some_and(|info| self.0.iter().any(|network| network.contains(info.0.ip())))
    }
}

/// The address of the person at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddr(pub IpAddr);

impl ClientAddr {
    /// What counts as one visitor: an IPv4 address, or the /64 network that one IPv6 subscriber has.
    pub fn visitor(self) -> IpAddr {
        match self.0 {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
            v4 @ IpAddr::V4(_) => v4,
        }
    }
}

impl<S> FromRequestParts<S> for ClientAddr
where
    Identity: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let identity = Identity::from_ref(state);
        Ok(Self(identity.settings.proxies.client(parts).ip))
    }
}

/// What the outer world calls this server, as far as this request tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Plain.
    Http,
    /// Encrypted up to the outermost proxy.
    Https,
}

/// Did the request travel encrypted, as far as those we believe say?
pub fn scheme(parts: &Parts, settings: &Settings) -> Scheme {
    let public = settings.public_url.as_ref().and_then(Uri::scheme_str) == Some("https");
    if public || settings.proxies.client(parts).https || parts.uri.scheme_str() == Some("https") {
        Scheme::Https
    } else {
        Scheme::Http
    }
}

fn forwarded<'a>(parts: &'a Parts, settings: &Settings, name: &str) -> Option<&'a str> {
    settings.proxies.trust(parts).then(|| last(&parts.headers, name)).flatten()
}

/// Was the request sent by a page of ours? `Origin` decides; without one, `Sec-Fetch-Site` may.
pub fn ours(parts: &Parts, settings: &Settings) -> Option<bool> {
    if let Some(origin) = parts.headers.get(header::ORIGIN) {
        return Some(origin.to_str().is_ok_and(|origin| is_own(origin, parts, settings)));
    }
    parts.headers.get("sec-fetch-site").map(|site| site == "same-origin")
}

fn is_own(origin: &str, parts: &Parts, settings: &Settings) -> bool {
    let Some((origin_scheme, authority)) = origin.split_once("://") else { return false };
    if scheme(parts, settings) == Scheme::Https && origin_scheme != "https" {
        return false;
    }
    let authority = host(authority);
    let named = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let by_uri = parts.uri.authority().map(axum::http::uri::Authority::as_str);
    let public = settings.public_url.as_ref().and_then(Uri::authority).map(axum::http::uri::Authority::as_str);
    [named, by_uri, public, forwarded(parts, settings, "x-forwarded-host")]
        .into_iter()
        .flatten()
        .any(|own| host(own) == authority)
}

/// Lower case, without the ports that browsers leave out.
fn host(authority: &str) -> String {
    let lower = authority.to_ascii_lowercase();
    lower.strip_suffix(":80").or_else(|| lower.strip_suffix(":443")).unwrap_or(&lower).to_owned()
}

/// Refuses requests that say they come from another site; for routes that set a cookie. Programs say nothing and pass.
#[derive(Debug, Clone, Copy)]
pub struct OwnOrigin {
    /// How the request travelled: decides whether the cookie is `Secure`.
    pub scheme: Scheme,
}

impl<S> FromRequestParts<S> for OwnOrigin
where
    Identity: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let settings = Identity::from_ref(state).settings;
        if ours(parts, &settings) == Some(false) {
            return Err(Code::ForeignOrigin.into());
        }
        Ok(Self { scheme: scheme(parts, &settings) })
    }
}

/// The address under which this request reached the server: `https://workshops.example.org`.
#[derive(Debug, Clone)]
pub struct OwnUrl(pub String);

impl OwnUrl {
    /// The live socket there.
    pub fn socket(&self) -> String {
        format!("{}/live/ws", self.0.replacen("http", "ws", 1))
    }
    /// The socket of shared documents there, for HocuspocusProvider.
    pub fn documents(&self) -> String {
        format!("{}/collab/hocuspocus", self.0.replacen("http", "ws", 1))
    }
}

impl<S> FromRequestParts<S> for OwnUrl
where
    Identity: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Self::Rejection> {
        let settings = Identity::from_ref(state).settings;
        if let Some(public) = &settings.public_url {
            return Ok(Self(public.to_string().trim_end_matches('/').to_owned()));
        }
        let scheme = if scheme(parts, &settings) == Scheme::Https { "https" } else { "http" };
        let named = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let host = forwarded(parts, &settings, "x-forwarded-host").map(str::to_owned).or(named);
        Ok(Self(format!("{scheme}://{}", host.unwrap_or_else(|| "localhost".to_owned()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(peer: &str, headers: &[(&'static str, &str)]) -> Parts {
        let mut request = axum::http::Request::builder().uri("/x").header(header::HOST, "atelier.test:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut parts = request.body(()).expect("builds").into_parts().0;
        parts.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().expect("address"), 1)));
        parts
    }

    #[test]
    fn one_ipv6_subscriber_is_one_visitor() {
        let visitor = |text: &str| ClientAddr(text.parse().expect("address")).visitor();
        assert_eq!(visitor("2001:db8::1"), visitor("2001:db8::ffff:1"));
        assert_ne!(visitor("2001:db8::1"), visitor("2001:db8:0:1::1"));
        assert_ne!(visitor("192.0.2.1"), visitor("192.0.2.2"));
    }

    #[test]
    fn only_our_own_pages_are_ours() {
        let plain = Settings::default();
        let says = |name: &'static str, value: &str| ours(&request("1.2.3.4", &[(name, value)]), &plain);
        assert_eq!(says("origin", "http://atelier.test:8080"), Some(true));
        assert_eq!(says("origin", "http://ATELIER.test:8080"), Some(true));
        for foreign in ["http://atelier.test", "http://evil.test", "null", "http://atelier.test:8080.evil.test"] {
            assert_eq!(says("origin", foreign), Some(false), "{foreign}");
        }
        assert_eq!(says("sec-fetch-site", "same-origin"), Some(true));
        assert_eq!(says("sec-fetch-site", "same-site"), Some(false));
        assert_eq!(says("accept", "x"), None);
    }

    #[test]
    fn behind_https_a_plain_origin_is_foreign() {
        let settings = Settings { public_url: Some(Uri::from_static("https://w.example.org")), ..Settings::default() };
        let says = |value: &str| ours(&request("1.2.3.4", &[("origin", value)]), &settings);
        assert_eq!(says("https://w.example.org"), Some(true));
        assert_eq!(says("http://w.example.org"), Some(false));
    }

    #[test]
    fn the_scheme_is_believed_from_proxies_only() {
        let settings = Settings { proxies: vec!["10.0.0.1".parse().expect("parses")].into(), ..Settings::default() };
        let at = |peer: &str| scheme(&request(peer, &[("x-forwarded-proto", "https")]), &settings);
        assert_eq!(at("10.0.0.1"), Scheme::Https);
        assert_eq!(at("10.0.0.2"), Scheme::Http);
    }
}
