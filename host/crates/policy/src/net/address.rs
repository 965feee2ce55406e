//! Which addresses are nobody's on the internet: this machine's, this network's, and those of the services that hand out a cloud machine's credentials.
//!
//! A name can be made to lead to any address by whoever owns it, so these are refused unless a rule names them.

use super::target::{plain, translated};
use serde::{Serialize, Serializer};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses that share their first bits: `10.0.0.0/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    base: IpAddr,
    bits: u8,
}

impl AddressRange {
    /// Read `10.1.2.3`, `10.0.0.0/8`, `fd00::/8`.
    ///
    /// # Errors
    /// Says in words what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let base: IpAddr = address
            .parse()
            .map_err(|_| format!("`{address}` is no address"))?;
        let longest = match base {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => 128,
        };
        let bits = match bits {
            None => longest,
            Some(bits) => bits
                .parse()
                .ok()
                .filter(|bits| *bits <= longest)
                .ok_or_else(|| format!("`/{bits}` is no number of bits up to {longest}"))?,
        };
        let range = AddressRange { base, bits };
        if bits_of(base) & !range.mask() != 0 {
            return Err(format!(
                "`{address}` has bits beyond the first {bits}, so it is not where a range begins"
            ));
        }
        Ok(range)
    }

    /// Whether `address` is one of these.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.base.is_ipv4() == address.is_ipv4()
            && bits_of(address) & self.mask() == bits_of(self.base)
    }

    /// The first bits, of 128: an IPv4 address stands at the upper end.
    fn mask(&self) -> u128 {
        match self.bits {
            0 => 0,
            bits => u128::MAX << (128 - u32::from(bits)),
        }
    }
}

fn bits_of(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(four) => u128::from(four.to_bits()) << 96,
        IpAddr::V6(six) => six.to_bits(),
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.bits)
    }
}

impl Serialize for AddressRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What is special about `address`, for a sentence such as `10.0.0.1 is a private address`; `None` where it is an ordinary one.
pub fn special(address: IpAddr) -> Option<&'static str> {
    match plain(address) {
        IpAddr::V4(address) => special_4(address),
        IpAddr::V6(address) => special_6(address),
    }
}

/// From IANA's registry of special-purpose addresses (RFC 6890 and later), and the services for cloud machines that stand outside of it.
fn special_4(address: Ipv4Addr) -> Option<&'static str> {
    let what = match address.octets() {
        [169, 254, 169, 254] | [168, 63, 129, 16] | [100, 100, 100, 200] => {
            "the address of a cloud's metadata service"
        }
        [0, ..] => "an unspecified address",
        [10, ..] | [192, 168, ..] => "a private address",
        [172, second, ..] if second & 0xf0 == 16 => "a private address",
        [100, second, ..] if second & 0xc0 == 64 => "a carrier's own address",
        [127, ..] => "a loopback address",
        [169, 254, ..] => "a link-local address",
        [192, 0, 0, _] | [192, 88, 99, _] => "an address for protocols",
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => "an address for documentation",
        [198, 18 | 19, ..] => "an address for benchmarks",
        [first, ..] if first & 0xf0 == 224 => "a multicast address",
        [first, ..] if first & 0xf0 == 240 => "a reserved address",
        _ => return None,
    };
    Some(what)
}

fn special_6(address: Ipv6Addr) -> Option<&'static str> {
    if let Some(inside) = translated(address) {
        return special_4(inside);
    }
    let [a, b, c, ..] = address.segments();
    let what = match (a, b, c) {
        _ if address.is_loopback() => "a loopback address",
        _ if address.is_unspecified() => "an unspecified address",
        _ if a & 0xfe00 == 0xfc00 => "a private address",
        _ if a & 0xffc0 == 0xfe80 => "a link-local address",
        _ if a & 0xffc0 == 0xfec0 => "a site-local address",
        _ if a & 0xff00 == 0xff00 => "a multicast address",
        (0x2001, 0xdb8, _) => "an address for documentation",
        (0x3fff, b, _) if b < 0x1000 => "an address for documentation",
        (0x2001, b, _) if b < 0x200 => "an address for protocols",
        (0x2002, ..) => "an address for protocols",
        // Whatever IANA has not given out for ordinary use.
        _ if a & 0xe000 != 0x2000 => "a reserved address",
        _ => return None,
    };
    Some(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_nobody_are_known_in_all_their_clothes() {
        for (address, what) in [
            ("0.0.0.0", "unspecified"),
            ("10.255.0.1", "private"),
            ("172.16.0.1", "private"),
            ("172.31.255.255", "private"),
            ("192.168.1.1", "private"),
            ("100.64.0.1", "carrier"),
            ("100.127.255.255", "carrier"),
            ("127.0.0.1", "loopback"),
            ("127.255.255.254", "loopback"),
            ("169.254.1.1", "link-local"),
            ("169.254.169.254", "metadata"),
            ("168.63.129.16", "metadata"),
            ("100.100.100.200", "metadata"),
            ("192.0.0.8", "protocols"),
            ("192.0.2.1", "documentation"),
            ("198.19.0.1", "benchmarks"),
            ("224.0.0.251", "multicast"),
            ("239.1.2.3", "multicast"),
            ("255.255.255.255", "reserved"),
            ("::", "unspecified"),
            ("::1", "loopback"),
            ("::ffff:127.0.0.1", "loopback"),
            ("::ffff:169.254.169.254", "metadata"),
            ("::127.0.0.1", "reserved"),
            ("64:ff9b::7f00:1", "loopback"),
            ("64:ff9b::a9fe:a9fe", "metadata"),
            ("64:ff9b:1::1", "reserved"),
            ("fd00:ec2::254", "private"),
            ("fc00::1", "private"),
            ("fe80::1", "link-local"),
            ("fec0::1", "site-local"),
            ("ff02::1", "multicast"),
            ("2001:db8::1", "documentation"),
            ("2001::1", "protocols"),
            ("2002:7f00:1::", "protocols"),
            ("100::1", "reserved"),
        ] {
            let found = special(address.parse().unwrap()).unwrap_or("ordinary");
            assert!(found.contains(what), "{address} is {found}");
        }
        for address in [
            "1.1.1.1",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "223.255.255.255",
            "2606:4700::1111",
            "64:ff9b::101:101",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(special(address.parse().unwrap()), None, "{address}");
        }
    }

    #[test]
    fn ranges_hold_what_they_say() {
        for (range, address, expected) in [
            ("10.0.0.0/8", "10.200.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("0.0.0.0/0", "9.9.9.9", true),
            ("0.0.0.0/0", "::1", false),
            ("fd00::/8", "fd12::1", true),
            ("::1", "::1", true),
        ] {
            let range = AddressRange::parse(range).unwrap();
            assert_eq!(
                range.holds(address.parse().unwrap()),
                expected,
                "{range} {address}"
            );
        }
        for wrong in [
            "",
            "10",
            "10.0.0.0/33",
            "10.0.0.1/8",
            "::/129",
            "localhost",
            "10.0.0.0/",
        ] {
            assert!(AddressRange::parse(wrong).is_err(), "{wrong}");
        }
    }
}
