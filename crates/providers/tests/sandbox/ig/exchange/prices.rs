//! The prices of the past.

use serde_json::{Value, json};

use super::{Desk, assert_refused, trader};

const EURUSD: &str = "CS.D.EURUSD.CFD.IP";

async fn prices(desk: &Desk, query: &str) -> Value {
    desk.send("GET", &format!("/prices/{EURUSD}?{query}"), 3, &Value::Null).await.ok()
}

fn times(answer: &Value) -> Vec<String> {
    let prices = answer["prices"].as_array().unwrap().iter();
    prices.map(|price| price["snapshotTimeUTC"].as_str().unwrap().to_owned()).collect()
}

/// A time of the stage, some seconds from now.
fn utc(desk: &Desk, seconds: i64) -> String {
    let at = desk.play.stage.now() + jiff::SignedDuration::from_secs(seconds);
    at.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

#[tokio::test]
async fn pages_of_a_range_are_the_range_once() {
    let desk = trader().await;
    let range =
        format!("resolution=MINUTE_5&from={}&to={}", utc(&desk, -7_200), utc(&desk, -3_600));
    let whole = prices(&desk, &format!("{range}&pageSize=0")).await;
    let whole = times(&whole);
    assert_eq!(whole.len(), 13, "both ends are included");
    let mut paged = Vec::new();
    for page in 1.. {
        let answer = prices(&desk, &format!("{range}&pageSize=5&pageNumber={page}")).await;
        let data = &answer["metadata"]["pageData"];
        assert_eq!((&data["totalPages"], &data["pageNumber"]), (&json!(3), &json!(page)));
        paged.extend(times(&answer));
        if data["pageNumber"] == data["totalPages"] {
            break;
        }
    }
    assert_eq!(paged, whole);
    assert_eq!(times(&prices(&desk, "max=3").await).len(), 3, "`max` counts without a range");
    assert_eq!(times(&prices(&desk, "").await).len(), 10);
}

#[tokio::test]
async fn every_resolution_has_candles_whose_close_is_the_quote_of_the_snapshot() {
    let desk = trader().await;
    let details = desk.send("GET", &format!("/markets/{EURUSD}"), 3, &Value::Null).await.ok();
    let all = "SECOND MINUTE MINUTE_2 MINUTE_3 MINUTE_5 MINUTE_10 MINUTE_15 MINUTE_30 HOUR HOUR_2 \
               HOUR_3 HOUR_4 DAY WEEK MONTH";
    for resolution in all.split_whitespace() {
        let answer = prices(&desk, &format!("resolution={resolution}&max=3")).await;
        let candles = answer["prices"].as_array().unwrap();
        assert_eq!(candles.len(), 3, "{resolution}");
        assert_eq!(candles[2]["closePrice"]["bid"], details["snapshot"]["bid"], "{resolution}");
        for candle in candles {
            let bid = |name: &str| candle[name]["bid"].as_f64().unwrap();
            assert!(bid("lowPrice") <= bid("openPrice") && bid("openPrice") <= bid("highPrice"));
            assert!(bid("lowPrice") <= bid("closePrice") && bid("closePrice") <= bid("highPrice"));
        }
        let sorted = times(&answer);
        assert!(sorted.is_sorted(), "{sorted:?}");
    }
    let path = format!("/prices/{EURUSD}?resolution=FORTNIGHT");
    let unknown = desk.send("GET", &path, 3, &Value::Null).await;
    assert_refused(&unknown, 400, "invalid.input");
}

#[tokio::test]
async fn nothing_is_quoted_at_the_weekend_and_nothing_is_older_than_it_is_kept() {
    let desk = trader().await;
    super::advance(&desk, 4 * 86_400);
    let friday = format!("resolution=HOUR&from={}&to={}", utc(&desk, -48 * 3_600), utc(&desk, 0));
    let hours = times(&prices(&desk, &format!("{friday}&pageSize=0")).await);
    assert_eq!(hours.len(), 10, "from noon to 22:00 on Friday, and no more: {hours:?}");
    let year = format!(
        "resolution=SECOND&from={}&to={}",
        utc(&desk, -365 * 86_400),
        utc(&desk, -5 * 86_400)
    );
    assert!(times(&prices(&desk, &year).await).is_empty(), "seconds are kept for four days");
}

#[tokio::test]
async fn each_version_reads_its_own_dates() {
    let desk = trader().await;
    let get = async |version: u32, path: &str| {
        desk.send("GET", &format!("/prices/{EURUSD}/{path}"), version, &Value::Null).await
    };
    let day = |days: i64, form: &str| {
        (desk.play.stage.now() - jiff::SignedDuration::from_hours(24 * days))
            .strftime(form)
            .to_string()
    };
    let v2 = |days| day(days, "%Y-%m-%d%%20%H:%M:%S");
    let v1 = |days| day(days, "%Y:%m:%d-%H:%M:%S");
    let old = get(2, &format!("HOUR/{}/{}", v2(1), v2(0))).await.ok();
    assert_eq!(old["prices"].as_array().unwrap().len(), 25);
    assert!(old["allowance"]["remainingAllowance"].is_number() && old.get("metadata").is_none());
    let older = get(1, &format!("HOUR?startdate={}&enddate={}", v1(1), v1(0))).await.ok();
    let stamp = older["prices"][0]["snapshotTime"].as_str().unwrap().to_owned();
    assert_eq!(stamp.matches(':').count(), 4, "{stamp}");
    assert!(older["prices"][0].get("snapshotTimeUTC").is_none());
    assert_eq!(get(1, "DAY/5").await.ok()["prices"].as_array().unwrap().len(), 5);
    let swapped = get(2, &format!("HOUR/{}/{}", v2(0), v2(1))).await;
    assert_refused(&swapped, 400, "error.invalid.daterange");
    let mixed = get(2, &format!("HOUR/{}/{}", v1(1), v1(0))).await;
    assert_refused(&mixed, 400, "error.malformed.date");
    let option = desk.send("GET", "/prices/OD.D.OTCWK2AUD.28.IP", 3, &Value::Null).await;
    assert_refused(&option, 400, "error.unsupported.epic");
}

#[tokio::test]
async fn points_are_charged_by_the_page_until_none_are_left() {
    let desk = trader().await;
    desk.direct("allowances", json!({ "historical": 25 })).await;
    let range = format!("resolution=MINUTE&from={}&pageSize=10", utc(&desk, -3_600));
    let left = |answer: &Value| answer["metadata"]["allowance"]["remainingAllowance"].clone();
    assert_eq!(left(&prices(&desk, &range).await), 15);
    assert_eq!(left(&prices(&desk, &range).await), 5);
    let code = "error.public-api.exceeded-account-historical-data-allowance";
    let refused = desk.send("GET", &format!("/prices/{EURUSD}?{range}"), 3, &Value::Null).await;
    assert_refused(&refused, 403, code);
    assert_eq!(left(&prices(&desk, "max=5").await), 0);
    super::advance(&desk, 7 * 86_400);
    assert_eq!(left(&prices(&desk, "max=5").await), 20, "a week later there are new ones");
}

#[tokio::test]
async fn too_many_points_break_the_service_and_are_charged() {
    let desk = trader().await;
    desk.direct("allowances", json!({ "historical": 30_000 })).await;
    let range = format!("resolution=SECOND&from={}&pageSize=0", utc(&desk, -10_500));
    let answer = desk.send("GET", &format!("/prices/{EURUSD}?{range}"), 3, &Value::Null).await;
    assert_refused(&answer, 404, "error.price-history.io-error");
    let after = prices(&desk, "max=1").await;
    assert_eq!(after["metadata"]["allowance"]["remainingAllowance"], 30_000 - 10_501 - 1);
}
