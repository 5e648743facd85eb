//! GS1 Digital Link URIs: a web address that carries a GTIN and further elements.
//!
//! Source: GS1 Digital Link Standard: URI Syntax. Any domain and any path before the `/01/` are accepted; the page
//! behind the address does not matter here.

use std::borrow::Cow;

use crate::domain::code::gs1::Amount;
use crate::domain::code::gs1::ELEMENTS_MAX;
use crate::domain::code::gs1::Gs1Data;
use crate::domain::code::gs1::Walk;
use crate::domain::code::gs1::table;
use crate::domain::code::gtin::Gtin;

/// Reads an `http` or `https` URI with a path that ends in `/01/` and a GTIN, further pairs of AI and value behind it,
/// more of them in the query. Returns `None` unless there is a GTIN with a right check digit.
///
/// A GTIN of 8, 12 or 13 digits is filled up to 14, as early editions of the standard had it. Elements
/// whose value is not allowed, and parameters that are no elements, are passed over.
pub fn read(text: &str) -> Option<Gs1Data> {
    let (path, query) = path_and_query(text)?;
    let mut pairs = path_pairs(path)?.into_iter();
    let gtin = Gtin::read(&decode(pairs.next()?.1)?)?;
    let mut elements = vec![("01".to_owned(), gtin.as_str().to_owned())];
    let parameters = query.split(['&', ';']).filter_map(|parameter| parameter.split_once('='));
    for (ai, encoded) in pairs.chain(parameters).take(ELEMENTS_MAX.saturating_sub(1)) {
        if let Some((rule, value)) = table::of(ai).zip(decode(encoded))
            && rule.accepts(&value)
        {
            elements.push((ai.to_owned(), value.into_owned()));
        }
    }
    let mut data = Gs1Data::of(Walk { elements, strays: Vec::new() });
    // An address loses no separators: no count is hidden in another value.
    if data.amount == Amount::Unclear && !data.has("30") {
        data.amount = Amount::One;
    }
    Some(data).filter(|data| data.gtin.is_some())
}

/// Returns the path behind the domain, and the query, without the fragment.
fn path_and_query(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let address = rest.split('#').next()?;
    let (hierarchy, query) = address.split_once('?').unwrap_or((address, ""));
    let (domain, path) = hierarchy.split_once('/')?;
    if is_web && !domain.is_empty() { Some((path, query)) } else { None }
}

/// Returns the pairs of AI and value at the end of the path, from the last `01` on with which the segments form pairs.
/// A value that happens to be `01` stands at an odd distance from the end and does not count as the AI.
fn path_pairs(path: &str) -> Option<Vec<(&str, &str)>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut pairs = Vec::new();
    let mut segments = path.rsplit('/');
    while let (Some(value), Some(ai)) = (segments.next(), segments.next()) {
        pairs.push((ai, value));
        if ai == "01" {
            pairs.reverse();
            return Some(pairs);
        }
        // Every pair behind the GTIN has a known identifier; otherwise the address only looks like a link.
        table::of(ai)?;
    }
    None
}

/// Decodes percent-encoding. Returns `None` if it is broken or the result is not UTF-8 (RFC 3986, section 2.1).
fn decode(encoded: &str) -> Option<Cow<'_, str>> {
    if !encoded.contains('%') {
        return Some(Cow::Borrowed(encoded));
    }
    let mut parts = encoded.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (hex, literal) = part.split_at_checked(2)?;
        // `from_str_radix` alone would take a sign.
        if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend_from_slice(literal.as_bytes());
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gtin(text: &str) -> Option<String> {
        read(text).and_then(|data| data.gtin).map(|gtin| gtin.to_string())
    }

    #[test]
    fn any_domain_and_stem_carry_the_gtin() {
        let right = Some("09506000134352".to_owned());
        for text in [
            "https://id.gs1.org/01/09506000134352",
            "http://id.gs1.org/01/09506000134352",
            "HTTPS://EXAMPLE.COM/01/09506000134352",
            "https://example.com:8443/some/path/01/09506000134352/",
            "https://example.com/01/09506000134352#01/123",
            "https://example.com/01/09506000134352?utm_source=box",
            "https://example.com/01/9506000134352",
            "https://example.com/01/01/01/09506000134352/10/01",
            "https://example.com/01/%30%39506000134352",
        ] {
            assert_eq!(gtin(text), right, "{text}");
        }
    }

    #[test]
    fn elements_of_path_and_query_are_told() {
        let text =
            "https://example.org/01/09506000134352/10/AB%2F1/21/12%2B34?17=261231&3103=000195&x=1&30=6";
        let data = read(text).unwrap();
        assert_eq!(data.lot.as_deref(), Some("AB/1"));
        assert_eq!(data.serial.as_deref(), Some("12+34"));
        assert_eq!(data.expiry.as_deref(), Some("261231"));
        assert_eq!(data.count, Some(6));
        assert_eq!(data.net_weight_kg.map(|kg| kg.to_string()).as_deref(), Some("0.195"));
        assert_eq!(data.elements.len(), 6);
    }

    #[test]
    fn an_element_that_is_not_allowed_does_not_hide_the_gtin() {
        let data = read("https://example.org/01/09506000134352/10/A%1DB?17=269999&37=%zz").unwrap();
        assert_eq!((data.lot, data.expiry, data.count), (None, None, None));
        assert_eq!(data.elements.len(), 1);
    }

    #[test]
    fn what_is_no_digital_link_of_a_gtin_gives_nothing() {
        for text in [
            "https://id.gs1.org/01/09506000134353",
            "https://id.gs1.org/01/",
            "https://id.gs1.org/01",
            "https:///01/09506000134352",
            "https://01/09506000134352",
            "ftp://id.gs1.org/01/09506000134352",
            "id.gs1.org/01/09506000134352",
            "https://id.gs1.org/00/095060001343520000",
            "https://id.gs1.org/01/09506000134352/page",
            "https://id.gs1.org/01/09506000134352/page/2",
            "https://id.gs1.org/01/09506000134352/10",
            "https://id.gs1.org/?01=09506000134352",
            "https://id.gs1.org/01/%G9506000134352",
            "https://id.gs1.org/01/09506000134352?01=04006381333931",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics(tail in "[%/=&?#01a-fé]{0,40}") {
            let text = format!("https://x/{tail}");
            prop_assert!(read(&text).is_none_or(|data| data.gtin.is_some()));
        }

        #[test]
        fn percent_encoding_is_taken_off(value in "\\PC{0,12}") {
            let encoded = value.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02x}"));
            prop_assert_eq!(decode(&encoded), Some(Cow::Borrowed(value.as_str())));
        }
    }
}
