//! Who is at the other end: the address and scheme of the client, seen through the proxies that are trusted.
use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

use axum::{
    extract::connect_info::ConnectInfo,
    http::{HeaderMap, request::Parts},
};

/// A range of addresses, `10.0.0.0/8`, or a single one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl FromStr for Network {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const HOW: &str = "write addresses as 10.0.0.0/8, 127.0.0.1 or ::1";
        let (address, prefix) = text.trim().split_once('/').map_or((text.trim(), None), |(a, p)| (a, Some(p)));
        let address: IpAddr = address.parse().map_err(|_| HOW)?;
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(widest), str::parse).map_err(|_| HOW)?;
        if prefix > widest { Err(HOW) } else { Ok(Self { address, prefix }) }
    }
}

impl Network {
    /// Is the address in the range? An IPv4 address written as IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                (network.to_bits() ^ address.to_bits()) & mask == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                (network.to_bits() ^ address.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

/// The client of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Its address; for rate limits and logs.
    pub ip: IpAddr,
    /// Does it speak TLS, to us or to a trusted proxy? For `Secure` cookies.
    pub https: bool,
}

impl Client {
    /// Reads `X-Forwarded-For` from the right and stops at the first address that is not a trusted proxy. Anybody can
    /// write the header, so it counts only when the connection itself comes from a trusted proxy.
    pub fn seen(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Self {
        let trusts = |ip: IpAddr| trusted.iter().any(|network| network.contains(ip));
        let peer = peer.to_canonical();
        if !trusts(peer) {
            return Self { ip: peer, https: false };
        }
        let mut ip = peer;
        let hops: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(','))
            .collect();
        for hop in hops.iter().rev() {
            let Some(address) = parse_hop(hop.trim()) else { break };
            ip = address;
            if !trusts(ip) {
                break;
            }
        }
        let https = last(headers, "x-forwarded-proto").is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
        Self { ip, https }
    }

    pub(super) fn of(parts: &Parts, trusted: &[Network]) -> Option<Self> {
        let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
        Some(Self::seen(peer.ip(), &parts.headers, trusted))
    }
}

/// An address as proxies write it: bare, in brackets, or with a port.
fn parse_hop(hop: &str) -> Option<IpAddr> {
    let bare = hop.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(hop);
    let address = bare.parse().ok().or_else(|| hop.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

/// The last value of a header that each proxy appends to: the one that the nearest proxy wrote.
pub fn last<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get_all(name).iter().next_back()?.to_str().ok()?.rsplit(',').next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }
    fn headers(forwarded: &[&str], proto: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        headers.insert("x-forwarded-proto", proto.parse().unwrap());
        headers
    }

    #[test]
    fn networks() {
        let ten: Network = "10.0.0.0/8".parse().unwrap();
        assert!(ten.contains(ip("10.255.1.2")) && !ten.contains(ip("11.0.0.1")) && ten.contains(ip("::ffff:10.1.1.1")));
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains(ip("8.8.8.8")) && !all.contains(ip("::1")));
        let one: Network = "::1".parse().unwrap();
        assert!(one.contains(ip("::1")) && !one.contains(ip("::2")));
        for wrong in ["", "10.0.0.0/33", "host", "::/129", "1.2.3.4/x"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let forged = headers(&["1.1.1.1"], "https");
        assert_eq!(Client::seen(ip("9.9.9.9"), &forged, &trusted), Client { ip: ip("9.9.9.9"), https: false });
        // The client wrote 6.6.6.6 itself; our own proxy appended where the connection came from.
        let appended = headers(&["6.6.6.6, 2.2.2.2", "10.0.0.7"], "https");
        assert_eq!(Client::seen(ip("10.0.0.1"), &appended, &trusted), Client { ip: ip("2.2.2.2"), https: true });
        for written in ["[2001:db8::1]", "2001:db8::1", "[2001:db8::1]:443"] {
            assert_eq!(Client::seen(ip("10.0.0.1"), &headers(&[written], "http"), &trusted).ip, ip("2001:db8::1"));
        }
        let broken = headers(&["2.2.2.2, nonsense"], "http");
        assert_eq!(Client::seen(ip("10.0.0.1"), &broken, &trusted), Client { ip: ip("10.0.0.1"), https: false });
    }
}
