//! Paths that try to lead a token elsewhere.

use evergrant::CallError;
use http::Method;

use crate::support::Stage;

/// Climbing out, another host, another scheme, smuggled lines: none may become a request.
const TRICKS: &[&str] = &[
    "..",
    "/..",
    "../",
    "/../",
    "../..",
    "/../../",
    "a/..",
    "/a/../b",
    "/a/b/../../../c",
    "/me/..?x=1",
    "..?x=1",
    "/...",
    "/....",
    "/a..b",
    "/..a",
    "/a..",
    "/..;/admin",
    "/..;x=1/admin",
    "/.",
    "/./",
    "./me",
    "/a/./b",
    "/a/.",
    "/%2e",
    "/%2E/",
    "/a/%2e/b",
    "/a/%2E",
    "/%2e%2e",
    "/%2e%2e/",
    "/%2E%2E/",
    "/%2e%2E/",
    "/%2E%2e",
    "/a/%2e%2e/b",
    "/.%2e/",
    "/%2e./",
    "/.%2E",
    "/%2E.",
    "/a/.%2e/.%2e/b",
    "/%2e%2e%2f",
    "/%2e%2e%5c",
    "/..%2f",
    "/..%5c",
    "/..%00/",
    "/%2e%2e;/",
    "/a/%2e%2e?x=1",
    "//",
    "//evil.test",
    "//evil.test/",
    "///evil.test",
    "////evil.test/v1",
    "/a//b",
    "a//b",
    "/a//",
    "//evil.test@api.test",
    "//api.test@evil.test",
    "//user:pw@evil.test/",
    "//evil.test:443/",
    "//[::1]/",
    "//127.0.0.1/",
    "/v1//evil.test",
    "http://evil.test",
    "https://evil.test",
    "https://evil.test/v1/me",
    "HTTPS://EVIL.TEST/",
    "https://api.test@evil.test/",
    "https://evil.test#@api.test/",
    "https://evil.test\\@api.test/",
    "ftp://evil.test/",
    "file:///etc/passwd",
    "javascript://api.test/%0aalert(1)",
    "http:\\\\evil.test",
    "https:/\\evil.test",
    "\\",
    "\\\\",
    "\\\\evil.test",
    "/\\evil.test",
    "\\/evil.test",
    "/\\/evil.test",
    "/a\\b",
    "/a\\..\\b",
    "\\..\\",
    "/..\\",
    "\\.\\",
    "/me?x=\\",
    "/%5c",
    "/%5C",
    "/%5cevil.test",
    "/a%5cb",
    "/%5c%5cevil.test",
    "/..%5c..%5c",
    "/%2f",
    "/%2F",
    "/%2fevil.test",
    "/%2f%2fevil.test",
    "/a%2fb",
    "/a%2Fb",
    "/a%2f..%2fb",
    "#",
    "/#",
    "/me#",
    "/me#x",
    "#@evil.test",
    "/me?x=1#y",
    "/#/../",
    "\r\n",
    "/\r",
    "/\n",
    "/me\r\nHost: evil.test",
    "/me\nX: y",
    "/me\r\n\r\nGET / HTTP/1.1",
    "/me?x=\r\ny",
    "/%0a",
    "/%0d",
    "/%0d%0a",
    "/%0D%0AHost:%20evil.test",
    "/a%0Ab",
    "/a%0db",
    "/%00",
    "/a%00b",
    "/%00/",
    "\0",
    "/\0",
    "\t",
    "/\t/",
    "/a\tb",
    ".\t./",
    "/.\t.",
    "/\u{b}",
    "/\u{7f}",
    "/\u{1b}[0m",
    " ",
    "/ ",
    "/a b",
    " /me",
    "/me ",
    " https://evil.test",
    "/me?x= y",
    "/me HTTP/1.1",
    "/ä",
    "/me?x=ä",
    "/\u{2024}\u{2024}/",
    "/\u{ff0e}\u{ff0e}/",
    "/\u{2025}",
    "\u{ff0f}\u{ff0f}evil.test",
    "/\u{2215}",
    "/\u{202e}",
    "/\u{feff}me",
    "/\u{a0}",
    "/\u{2028}",
    "/🦀",
    "/e\u{301}",
    "/<script>",
    "/a\"b",
    "/a`b",
    "/{a}",
    "/a>b",
];

#[tokio::test]
async fn no_trick_of_a_path_becomes_a_request() {
    assert!(TRICKS.len() >= 120, "{}", TRICKS.len());
    let (stage, process, id) = Stage::connected().await;
    let api = process.gateway.open(stage.owner, id).await.unwrap();
    for path in TRICKS {
        let request = api.request(Method::GET, path);
        assert!(matches!(request, Err(CallError::InvalidPath(_))), "{path:?}");
    }
    let long = format!("/{}", "a".repeat(8 << 10));
    assert!(matches!(api.request(Method::GET, &long), Err(CallError::InvalidPath(_))));
}

#[tokio::test]
async fn whatever_path_is_taken_leads_below_the_base_url() {
    let (stage, process, id) = Stage::connected().await;
    let api = process.gateway.open(stage.owner, id).await.unwrap();
    let bits = [
        "/",
        "//",
        ".",
        "..",
        "%2e",
        "%2f",
        "%25",
        "@",
        ":",
        ";",
        "?",
        "#",
        "\\",
        "&",
        "=",
        "a",
        "b.c",
        "evil.test",
        "https:",
        "[",
        "]",
        "|",
        "^",
        "%",
        "~",
        "*",
        "$",
        "+",
        ",",
        "'",
        "(",
        "!",
    ];
    let mut taken = 0;
    for first in bits {
        for second in bits {
            for third in bits {
                let path = format!("{first}{second}{third}");
                let Ok(request) = api.request(Method::GET, &path) else {
                    continue;
                };
                let Ok(request) = request.body(()) else {
                    continue;
                };
                let url = url::Url::parse(&request.uri().to_string()).unwrap();
                let below = url.path().starts_with("/v1/") && !url.path().contains("//");
                let home = url.host_str() == Some("api.test") && url.scheme() == "https";
                assert!(below && home && url.username().is_empty(), "{path:?} leads to {url}");
                taken += 1;
            }
        }
    }
    assert!(taken > 5_000, "{taken}");
}
