//! Finds the control listeners that a URL stands for.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use crate::shared::error::{Error, Result};
use crate::shared::terminal::safe;

/// The default prefix of a control listener's paths.
const PREFIX: &str = "/.hemostat";

/// The default port.
const PORT: u16 = 80;

/// A control listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// Its name for people.
    pub(crate) name: String,
    /// The URL that its paths are appended to; `None` if its name could not be resolved.
    base: Option<String>,
    /// The host name in the URL, for the `host` header.
    pub(super) host: Option<String>,
}

/// All listeners of these URLs, without duplicates. A DNS name stands for all of its addresses, and two names of one
/// listener are one listener.
pub(super) fn all<'a>(urls: impl IntoIterator<Item = &'a str>) -> Result<Vec<Proxy>> {
    let mut found: Vec<Proxy> = Vec::new();
    for url in urls {
        for proxy in of(url, |host| host.to_socket_addrs().map(Iterator::collect))? {
            if !found.iter().any(|known| known.is(&proxy)) {
                found.push(proxy);
            }
        }
    }
    Ok(found)
}

impl Proxy {
    /// The URL that its paths are appended to.
    pub(super) fn base(&self) -> Result<&str> {
        let unknown = || Error::failed("not reached: its name stands for no address");
        self.base.as_deref().ok_or_else(unknown)
    }

    fn is(&self, other: &Self) -> bool {
        match (&self.base, &other.base) {
            (None, None) => self.name == other.name,
            (own, other) => own == other,
        }
    }
}

/// The listeners of one URL.
fn of(url: &str, look_up: impl Fn(&str) -> io::Result<Vec<SocketAddr>>) -> Result<Vec<Proxy>> {
    let wrong = |why: &str| Error::failed(format!("proxy `{}`: {why}", safe(url)));
    let rest = match url.split_once("://") {
        Some(("http", rest)) => rest,
        Some(("https", _)) => {
            return Err(wrong("control listeners are plain HTTP; use a tunnel"));
        }
        Some(_) => return Err(wrong("`http://HOST:PORT` is expected")),
        None => url,
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if host.is_empty() || host.contains(['@', '?', '#', ' ']) {
        return Err(wrong("`http://HOST:PORT` is expected"));
    }
    let path = path.trim_end_matches('/');
    let path = if path.is_empty() { PREFIX } else { path };
    let port = host.rsplit_once(':').filter(|(name, port)| {
        !port.is_empty()
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && (!name.contains(':') || name.ends_with(']'))
    });
    if port.is_some_and(|(_, port)| !port.parse::<u16>().is_ok_and(|port| port > 0)) {
        return Err(wrong("a port is a number from 1 to 65535"));
    }
    let with_port = if port.is_some() { host.to_owned() } else { format!("{host}:{PORT}") };
    if let Some(address) = literal(&with_port) {
        let base = Some(format!("http://{address}{path}"));
        return Ok(vec![Proxy { name: host.to_owned(), base, host: None }]);
    }
    let mut addresses = match look_up(&with_port) {
        Ok(addresses) => addresses,
        Err(_) => {
            return Ok(vec![Proxy { name: host.to_owned(), base: None, host: None }]);
        }
    };
    // A listener may have addresses of both families, and nothing tells which belong together: IPv6 is used only if
    // there is no IPv4.
    if addresses.iter().any(SocketAddr::is_ipv4) {
        addresses.retain(SocketAddr::is_ipv4);
    }
    addresses.sort_unstable();
    addresses.dedup();
    let alone = addresses.len() == 1;
    let proxies = addresses.into_iter().map(|address| Proxy {
        name: if alone { host.to_owned() } else { address.to_string() },
        base: Some(format!("http://{address}{path}")),
        host: Some(host.to_owned()),
    });
    Ok(proxies.collect())
}

/// `10.0.0.1:9902`, `[::1]:9902`.
fn literal(host: &str) -> Option<SocketAddr> {
    let address: SocketAddr = host.parse().ok()?;
    // One address has one spelling.
    Some(SocketAddr::new(IpAddr::to_canonical(&address.ip()), address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(url: &str, addresses: &[&str]) -> Vec<(String, String)> {
        let addresses: Vec<SocketAddr> = addresses.iter().map(|one| one.parse().unwrap()).collect();
        let proxies = of(url, |_| Ok(addresses.clone())).unwrap();
        proxies.into_iter().map(|proxy| (proxy.name, proxy.base.unwrap())).collect()
    }

    #[test]
    fn a_proxy_is_a_host_and_a_prefix() {
        let base = |url| found(url, &["10.0.0.1:1"]).remove(0).1;
        assert_eq!(base("http://a:1"), "http://10.0.0.1:1/.hemostat");
        assert_eq!(base("10.0.0.2"), "http://10.0.0.2:80/.hemostat");
        assert_eq!(base("[::1]:9/"), "http://[::1]:9/.hemostat");
        assert_eq!(base("http://a:1/ops/h"), "http://10.0.0.1:1/ops/h");
        for bad in [
            "https://a",
            "ftp://a",
            "",
            "http://",
            "http://u:p@a",
            "a b",
            "a:0",
            "a:99999",
            "[::1]:65536",
        ] {
            assert!(of(bad, |_| Ok(Vec::new())).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_stands_for_all_its_addresses_and_one_listener_counts_once() {
        let pods = ["10.0.0.2:9902", "10.0.0.1:9902", "10.0.0.2:9902", "[fd00::1]:9902"];
        let names: Vec<String> =
            found("http://proxies:9902", &pods).into_iter().map(|p| p.0).collect();
        assert_eq!(names, ["10.0.0.1:9902", "10.0.0.2:9902"]);
        let twice = all(["http://127.0.0.1:1", "127.0.0.1:1/", "http://[::ffff:127.0.0.1]:1"]);
        assert_eq!(twice.unwrap().len(), 1);
        let unknown = of("nobody", |_| Err(io::ErrorKind::NotFound.into())).unwrap();
        assert!(
            unknown.first().unwrap().base().is_err(),
            "one that is not found is one not reached"
        );
    }
}
