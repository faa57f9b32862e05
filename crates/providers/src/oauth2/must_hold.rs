//! A million answers that nobody would send: none breaks the reader, none yields what is no grant.

use bytes::Bytes;
use evergrant::Response;
use http::StatusCode;
use jiff::Timestamp;

use super::answer::read;
use super::{Habits, number_in, told};
use crate::microsoft;

const ANSWERS: u32 = 1_000_000;
const THREADS: u32 = 2;
const SEED: u64 = 0x5eed_2026_1121;

/// What answers are made of, sound and unsound.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    "9223372036854775808",
    "3599.5",
    "\"60\"",
    "\" 60 \"",
    "\"NaN\"",
    "\"inf\"",
    "\"access_token\":",
    "\"access_token\":\"a\"",
    "\"refresh_token\":\"r\"",
    "\"refresh_token\":null",
    "\"id_token\":7",
    "\"expires_in\":3600",
    "\"expires_in\":\"60\"",
    "\"expires_in\":-1",
    "\"scope\":\"a  b,c\"",
    "\"token_type\":\"Bearer\"",
    "\"token_type\":\"mac\"",
    "\"error\":\"invalid_grant\"",
    "\"error\":\"invalid_client\"",
    "\"error\":\"temporarily_unavailable\"",
    "\"error\":\"\"",
    "\"suberror\":\"basic_action\"",
    "\"error_codes\":[50196]",
    "\"error_codes\":[7000222]",
    "\"error_codes\":[\"x\",-1,1.5]",
    "\"error_description\":\"AADSTS70008: x Trace ID: 1-2 Correlation ID: \"",
    "\"claims\":\"{}\"",
    "access_token=a&token_type=bearer",
    "error=access_denied",
    "&",
    "=",
    "%",
    "%zz",
    "<html>",
    "\u{feff}",
    "ü",
    "\u{1f600}",
    " ",
    "\n",
    "\0",
    "\x7f",
    "\"authed_user\":{",
    "\"ok\":false",
];

const SOUND: &str = r#"{"token_type":"Bearer","scope":"a b","expires_in":3600,"access_token":"abc","refresh_token":"def"}"#;
const STATUSES: &[u16] = &[200, 200, 200, 201, 204, 302, 400, 401, 403, 429, 500, 503];

/// A small generator (xorshift64*): fast, and the same answers on every machine.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() >> 33).unwrap() % end
    }

    fn body(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        match self.below(4) {
            // Members in an object, some of them twice.
            0 => {
                body.push(b'{');
                for _ in 0..self.below(5) {
                    if body.len() > 1 {
                        body.push(b',');
                    }
                    body.extend(PIECES[21 + self.below(PIECES.len() - 21)].as_bytes());
                }
                body.push(b'}');
            }
            // Pieces in any order.
            1 => {
                for _ in 0..self.below(8) {
                    body.extend(PIECES[self.below(PIECES.len())].as_bytes());
                }
            }
            // A sound answer with some bytes changed and cut somewhere.
            _ => {
                body.extend(SOUND.as_bytes());
                for _ in 0..self.below(4) {
                    let at = self.below(body.len());
                    body[at] = u8::try_from(self.below(256)).unwrap();
                }
                if self.below(4) == 0 {
                    body.truncate(self.below(body.len()));
                }
            }
        }
        body
    }
}

fn play(seed: u64, answers: u32) -> u32 {
    let mut dice = Dice(seed);
    let plain = Habits { numbers: microsoft::numbers(), ..Habits::default() };
    let nested = Habits { token_at: Some("/authed_user".to_owned()), ..Habits::default() };
    let began = Timestamp::UNIX_EPOCH;
    let mut grants = 0;
    for _ in 0..answers {
        let mut response = Response::new(Bytes::from(dice.body()));
        let status = STATUSES[dice.below(STATUSES.len())];
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let habits = if dice.below(8) == 0 { &nested } else { &plain };
        let Ok(answer) = read(&response, habits) else { continue };
        assert!(response.status().is_success());
        let access = answer.access.expose();
        assert!(!access.is_empty() && access.bytes().all(|b| b.is_ascii_graphic()));
        let grant = answer.grant(began, None, &[]);
        assert!((1..=48 * 3600).contains(&grant.lifetime().as_secs()));
        grants += 1;
    }
    grants
}

#[test]
fn a_million_generated_answers_break_nothing() {
    let players: Vec<_> = (0..THREADS)
        .map(|n| std::thread::spawn(move || play(SEED + u64::from(n), ANSWERS / THREADS)))
        .collect();
    let grants: u32 = players.into_iter().map(|player| player.join().unwrap()).sum();
    // Neither all nor none: the generator reaches both sides.
    assert!((ANSWERS / 100..ANSWERS / 2).contains(&grants), "{grants}");
}

#[test]
fn descriptions_are_read_for_what_they_tell_and_no_more() {
    assert_eq!(number_in("AADSTS70008: expired"), Some(70008));
    for nothing in ["", "AADSTS", "AADSTSx", "70008", "AADSTS99999999999999999999999"] {
        assert_eq!(number_in(nothing), None, "{nothing}");
    }
    assert_eq!(
        told("x Trace ID: 1a-2b\r\nCorrelation ID: 3", "Trace ID:").as_deref(),
        Some("1a-2b")
    );
    assert_eq!(told("Trace ID: ", "Trace ID:"), None);
}
