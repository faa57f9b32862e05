//! Reading JSON as Graph does: names of members in any case, numbers and switches also as texts.

use serde_json::Value;

/// The member of this name. Some SDKs write the names of parameters with a capital letter
/// (contract 3.4).
pub(super) fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let object = value.as_object()?;
    object.get(name).or_else(|| {
        object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    })
}

/// The member of this name, if it says anything.
pub(super) fn given<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    member(value, name).filter(|value| !value.is_null())
}

/// A member that is a text.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    member(value, name)?.as_str()
}

/// A member that is a number, perhaps written as a text.
pub(super) fn number(value: &Value, name: &str) -> Option<f64> {
    let value = member(value, name)?;
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A member that is a whole number, perhaps written as a text.
pub(super) fn integer(value: &Value, name: &str) -> Option<i64> {
    let value = member(value, name)?;
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// A member that is true or false, perhaps written as a text.
pub(super) fn switch(value: &Value, name: &str) -> Option<bool> {
    let value = member(value, name)?;
    value.as_bool().or_else(|| value.as_str()?.trim().to_ascii_lowercase().parse().ok())
}

/// The spelling of an enumeration's member, which is accepted in any case (contract 4.1).
pub(super) fn one_of<'a>(known: &[&'a str], given: &str) -> Option<&'a str> {
    known.iter().copied().find(|known| known.eq_ignore_ascii_case(given))
}

/// The items of a member that is a list.
pub(super) fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    member(value, name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
