//! The visitor at the other end of a connection, as far as shares and penalties distinguish visitors.

use std::fmt;
use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;

/// One visitor. A household or a host has a whole /64 of IPv6 (RFC 6177), so a /64 counts as one visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Peer {
    /// This machine: the loopback, or a Unix socket.
    Local,
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// The first 64 bits of an IPv6 address.
    V6([u16; 4]),
}

impl Peer {
    /// Returns the visitor at an address.
    pub(super) fn of(address: SocketAddr) -> Self {
        // On a socket for both protocols, an IPv4 visitor has a mapped address (RFC 4291, section 2.5.5.2).
        match address.ip().to_canonical() {
            ip if ip.is_loopback() => Self::Local,
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local => f.write_str("this machine"),
            Self::V4(ip) => write!(f, "{ip}"),
            Self::V6([first, second, third, fourth]) => {
                write!(f, "{first:x}:{second:x}:{third:x}:{fourth:x}::/64")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_visitor_and_the_loopback_is_this_machine() {
        let peer = |text: &str| Peer::of(text.parse().unwrap());
        assert_eq!(peer("[2001:db8:1:2::1]:80"), peer("[2001:db8:1:2:ffff::9]:81"));
        assert_ne!(peer("[2001:db8:1:2::1]:80"), peer("[2001:db8:1:3::1]:80"));
        assert_eq!(peer("[::ffff:192.0.2.7]:80"), peer("192.0.2.7:81"));
        for local in ["127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
            assert_eq!(peer(local), Peer::Local, "{local}");
        }
        assert_eq!(peer("[2001:db8:1:2::1]:80").to_string(), "2001:db8:1:2::/64");
    }
}
