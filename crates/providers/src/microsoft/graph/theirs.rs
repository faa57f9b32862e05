//! Where the provider serves what it makes an address for, such as an upload.
//!
//! Such an address comes out of an answer and is called with a user's content, so it must lead to the
//! provider and nowhere into our own network.

use http::Uri;

/// Hosts of Graph (contract, section 2.1) and of Exchange Online in the provider's list of its
/// "Office 365 URLs and IP address ranges", cloud by cloud; what lies below them is theirs, too.
const HOSTS: [&str; 9] = [
    "outlook.office.com",
    "outlook.office365.com",
    "outlook.office365.us",
    "outlook-dod.office365.us",
    "partner.outlook.cn",
    "graph.microsoft.com",
    "graph.microsoft.us",
    "dod-graph.microsoft.us",
    "microsoftgraph.chinacloudapi.cn",
];

/// Whether an address is the provider's: of the scheme that `own` is called with, without anybody's
/// name in it, at one of `own` hosts or at one that is known to be theirs.
pub(super) fn is_theirs(address: &Uri, scheme: &str, own: &[String]) -> bool {
    let Some(authority) = address.authority() else { return false };
    let named = authority.as_str().contains('@');
    let mine = own.iter().any(|host| host.eq_ignore_ascii_case(authority.as_str()));
    let host = authority.host().to_ascii_lowercase();
    let below = |known: &str| {
        host.strip_suffix(known).is_some_and(|left| left.is_empty() || left.ends_with('.'))
    };
    let usual = authority.port_u16().is_none_or(|port| port == 443);
    let known = usual && scheme == "https" && HOSTS.into_iter().any(below);
    address.scheme_str() == Some(scheme) && !named && (mine || known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_to_the_provider_or_is_refused() {
        let own = ["graph.test:8443".to_owned()];
        let theirs = |address: &str| is_theirs(&address.parse().unwrap(), "https", &own);
        for good in [
            "https://outlook.office.com/api/v2.0/x?authtoken=a",
            "https://OUTLOOK.office365.com:443/x",
            "https://eur.outlook.office.com/x",
            "https://graph.test:8443/x",
        ] {
            assert!(theirs(good), "{good}");
        }
        for bad in [
            "http://outlook.office.com/x",
            "https://me@outlook.office.com/x",
            "https://outlook.office.com:8443/x",
            "https://evil-outlook.office.com/x",
            "https://outlook.office.com.evil.example/x",
            "https://outlook.office.com@evil.example/x",
            "https://169.254.169.254/latest",
            "https://localhost/x",
            "https://graph.test/x",
            "/x",
        ] {
            assert!(!theirs(bad), "{bad}");
        }
    }
}
